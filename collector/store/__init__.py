"""The store: batches as they came, durable before they are acknowledged, each exactly once; and what becomes of them.

- ``store`` and ``writer`` append (:class:`Store`); ``guard`` judges, ``files`` rolls over from segment to segment.
- ``reader`` reads, in any process (:class:`SegmentReader`); ``layout`` says which file is which.
- ``shelf`` seals finished segments, writes them again, archives and removes them (:class:`Shelf`).
- ``ledger``, ``checkpoint``, ``head`` and ``signing`` are the evidence, :mod:`collector.store.verify` looks it over.

Invariants: one thread of one process writes the newest segment, one thread of one other process everything else; a
file that a reader can see is whole; what a segment was is in the ledger, signed, before the segment is no longer that.
"""

from collector.store.files import FolderInUseError
from collector.store.guard import KeyReusedError, SequenceConflictError, SequenceGapError
from collector.store.ledger import LedgerDamagedError
from collector.store.reader import SegmentReader
from collector.store.sealing import Progress, SegmentDamagedError
from collector.store.settings import StoreSettings
from collector.store.shelf import IndexBuilder, Shelf
from collector.store.signing import KeyUnusableError
from collector.store.store import Appended, Store
from collector.store.writer import StoreBusyError, StoreUnavailableError

__all__ = [
    "Appended",
    "FolderInUseError",
    "IndexBuilder",
    "KeyReusedError",
    "KeyUnusableError",
    "LedgerDamagedError",
    "Progress",
    "SegmentDamagedError",
    "SegmentReader",
    "SequenceConflictError",
    "SequenceGapError",
    "Shelf",
    "Store",
    "StoreBusyError",
    "StoreSettings",
    "StoreUnavailableError",
]
