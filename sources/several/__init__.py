"""Several sources of one role behind its port: ids bear their source, what is asked of all is merged.

One source that fails hides no other's rows: it is told beside them (`Listed.missing`, `Page.missing`).
"""

from sources.several.changes import NamedChanges
from sources.several.engagements import SeveralEngagements
from sources.several.practices import SeveralPractices
from sources.several.records import SeveralRecords

__all__ = ["NamedChanges", "SeveralEngagements", "SeveralPractices", "SeveralRecords"]
