"""The spool: batches and the positions they were read up to, on disk in one transaction, until acknowledged."""

from agent.spool.backlog import Backlog
from agent.spool.inspection import Refused, SpoolInspector
from agent.spool.settings import SpoolSettings
from agent.spool.spool import FolderInUseError, FolderUnusableError, Group, Mark, Spool, SpoolError, StoredBatch

__all__ = [
    "Backlog",
    "FolderInUseError",
    "FolderUnusableError",
    "Group",
    "Mark",
    "Refused",
    "Spool",
    "SpoolError",
    "SpoolInspector",
    "SpoolSettings",
    "StoredBatch",
]
