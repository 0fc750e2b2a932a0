"""The spool: batches and the positions they were read up to, on disk in one transaction, until acknowledged."""

from agent.spool.backlog import Backlog
from agent.spool.inspection import Refused, SpoolInspector
from agent.spool.salvage import Salvaged, SpoolDamagedError, asides, is_damage, open_spool
from agent.spool.settings import SpoolSettings
from agent.spool.spool import (
    FolderInUseError,
    FolderUnusableError,
    Group,
    Mark,
    Rejection,
    Spool,
    SpoolError,
    StoredBatch,
)

__all__ = [
    "Backlog",
    "FolderInUseError",
    "FolderUnusableError",
    "Group",
    "Mark",
    "Refused",
    "Rejection",
    "Salvaged",
    "Spool",
    "SpoolDamagedError",
    "SpoolError",
    "SpoolInspector",
    "SpoolSettings",
    "StoredBatch",
    "asides",
    "is_damage",
    "open_spool",
]
