"""What sources sent and was refused: kept by its facts, without a word of it, until a person decides."""

from gateway.quarantine.feeds import Feeds, Group
from gateway.quarantine.keeping import Quarantining
from gateway.quarantine.store import Entry, NotReleasable, Released, Store, StoreUnusable

__all__ = ["Entry", "Feeds", "Group", "NotReleasable", "Quarantining", "Released", "Store", "StoreUnusable"]
