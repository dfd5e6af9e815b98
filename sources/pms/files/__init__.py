"""The PMS ports over files that a practice writes into a folder."""

from sources.pms.files.folders import LocalFolder
from sources.pms.files.intake import State
from sources.pms.files.practice import FilesPractice, KnownFile
from sources.pms.files.settings import FeedSettings, FilesSettings

__all__ = ["FeedSettings", "FilesPractice", "FilesSettings", "KnownFile", "LocalFolder", "State"]
