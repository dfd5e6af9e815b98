"""What is asked: a document's text becomes a measured and validated operation, found again by its hash."""

from gateway.operations.operation import Operation, Operations

__all__ = ["Operation", "Operations"]
