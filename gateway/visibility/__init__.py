"""What of the schema an actor is shown: all that some plan for their grant could return, and nothing else."""

from gateway.visibility.views import Views

__all__ = ["Views"]
