"""What an actor may know of the graph itself: the schema as it is theirs to use, and why the rest is not."""

from gateway.visibility.access import Explainer
from gateway.visibility.views import Views

__all__ = ["Explainer", "Views"]
