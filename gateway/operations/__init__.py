"""What is asked: a document's text becomes a measured and validated operation, found again by its hash."""

from gateway.operations.operation import Operation, Operations, hash_of

__all__ = ["Operation", "Operations", "hash_of"]
