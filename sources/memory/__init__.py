"""The ports over records in memory: for tests, and for trying things without a source."""

from sources.memory.ehr import MemoryRecords
from sources.memory.pms import MemoryPractice
from sources.memory.relationships import MemoryEngagements

__all__ = ["MemoryEngagements", "MemoryPractice", "MemoryRecords"]
