"""The block store: batches as they came, durable before they are acknowledged, each exactly once.

``segments/2026-11-21.blk`` holds the blocks that arrived on that day (UTC); a second file of the day is
``2026-11-21.2.blk``.  One thread writes; readers open their own read-only connections.
"""

from collector.store.files import FolderInUseError
from collector.store.guard import KeyReusedError, SequenceConflictError, SequenceGapError
from collector.store.settings import StoreSettings
from collector.store.store import Appended, Store
from collector.store.writer import StoreBusyError, StoreUnavailableError

__all__ = [
    "Appended",
    "FolderInUseError",
    "KeyReusedError",
    "SequenceConflictError",
    "SequenceGapError",
    "Store",
    "StoreBusyError",
    "StoreSettings",
    "StoreUnavailableError",
]
