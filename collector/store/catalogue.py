"""Which segments there are at this moment, told from the folder alone, in any process.

Looking costs one ``stat`` of the folder as long as no file in it came or went.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from collector.block import BlockInfo, DecodedBlock, SegmentInfo
from collector.store.connections import FileKey
from collector.store.layout import Form, forms_in, path_of
from watchbook.clock import Clock
from watchbook.logs import get_logger

log = get_logger("store")

#: The folder's time of change is as coarse as the kernel's tick: a listing this near to it may have missed a change.
_SETTLED_US: Final = 100_000


class SegmentFile(Protocol):
    """A segment in one of its forms; see :class:`collector.block.BlockSource` for what the calls mean."""

    name: str
    newest: bool

    @property
    def key(self) -> FileKey: ...
    @property
    def first_number(self) -> int: ...
    def info(self) -> SegmentInfo: ...
    def blocks(self, row_from: int, row_to: int | None) -> Sequence[BlockInfo]: ...
    def read(self, info: BlockInfo) -> DecodedBlock: ...
    def find(self, stream: str, sequence: int) -> Sequence[BlockInfo]: ...
    def is_stored(self, stream: str, sequence: int, data: bytes) -> bool | None: ...
    def last_sequence(self, stream: str) -> int: ...
    def arrived_after(self, number: int, limit: int) -> Sequence[BlockInfo]: ...
    def last_number(self) -> int: ...
    def forget(self) -> None: ...


class _Signature(NamedTuple):
    """What changes when another file takes the place of one."""

    form: Form
    inode: int
    changed_ns: int


class Catalogue:
    """The segments of a folder.  ``opened`` makes a segment's file of its form; ``on_gone`` is told what went."""

    def __init__(
        self,
        folder: Path,
        opened: Callable[[Form], SegmentFile],
        on_gone: Callable[[Sequence[SegmentFile]], None],
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._opened = opened
        self._on_gone = on_gone
        self._clock = clock
        self._lock = threading.Lock()
        self._seen_ns = -1
        self._files: dict[str, tuple[_Signature, SegmentFile]] = {}
        self._ordered: list[SegmentFile] = []
        self._complained: set[_Signature] = set()

    def files(self) -> list[SegmentFile]:
        """Return the segments, oldest first."""
        changed_ns = self._folder.stat().st_mtime_ns
        with self._lock:
            if changed_ns != self._seen_ns:
                settled = changed_ns // 1000 < self._clock() - _SETTLED_US
                whole = self._list()
                self._seen_ns = changed_ns if settled and whole else -1
            return self._ordered

    def file(self, name: str) -> SegmentFile:
        """Return one segment; raises KeyError when it is not there (any more)."""
        self.files()
        return self._files[name][1]

    def known(self, name: str) -> SegmentFile | None:
        """Return a segment as it was when the folder was looked at last."""
        found = self._files.get(name)
        return None if found is None else found[1]

    def _list(self) -> bool:
        """Look at every file; return whether all of them could be taken in."""
        before = self._files
        after: dict[str, tuple[_Signature, SegmentFile]] = {}
        listed = forms_in(self._folder)
        whole = True
        for form in listed:
            found = self._look(form)
            if found is None:
                whole = False
            else:
                after[form.name] = found
        self._files = after
        self._ordered = [file for _, file in after.values()]
        for file in self._ordered:
            file.newest = file is self._ordered[-1]
        current = {id(file) for file in self._ordered}
        gone = [file for _, file in before.values() if id(file) not in current]
        if gone:
            self._on_gone(gone)
        return whole

    def _look(self, form: Form) -> tuple[_Signature, SegmentFile] | None:
        """Return a form's file; None when it went while we looked, or is not yet begun, or is damaged (said once)."""
        try:
            status = path_of(self._folder, form.name, form.tier).stat()
            signature = _Signature(form, status.st_ino, 0 if form.tier == "hot" else status.st_mtime_ns)
            known = self._files.get(form.name)
            if known is not None and known[0] == signature:
                return known
            return signature, self._opened(form)
        except (KeyError, FileNotFoundError, sqlite3.OperationalError):
            return None
        except (sqlite3.DatabaseError, msgspec.MsgspecError, TypeError) as error:
            if signature not in self._complained:
                self._complained.add(signature)
                log.error(  # noqa: TRY400
                    "segment_damaged", segment=form.name, error=str(error), next_step="run 'watchbook verify'"
                )
            return None
