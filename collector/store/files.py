"""The folder of segments as its writer has it: going on from what is there, rolling over, keeping room on the disk."""

import fcntl
import os
import uuid
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import IO

from collector.store.connections import open_segment
from collector.store.layout import Form, following_name, forms_in, path_of
from collector.store.requests import Requests, stored_requests
from collector.store.sealed import decode_streams, read_meta, read_part
from collector.store.segment import CHAIN_ZERO, Heads, Request, Segment, remove_hot
from collector.store.settings import StoreSettings
from watchbook.clock import EPOCH, SECOND_US, Clock


class FolderInUseError(Exception):
    """Another collector works in this folder."""


class DiskFullError(OSError):
    """Less space is free than the store keeps in reserve."""


class SegmentFiles:
    """The segment that is written and where the store ends.

    Opened by the app, then used by the writer's thread alone.
    """

    def __init__(self, folder: Path, settings: StoreSettings, clock: Clock) -> None:
        self.folder = folder
        self._settings = settings
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock_folder(folder)
        try:
            self._open(clock())
        except BaseException:
            self._lock.close()
            raise

    def _open(self, now: int) -> None:
        window_us = int(self._settings.idempotency_window * SECOND_US)
        self._requests = Requests(window_us, self._settings.idempotency_keys_max)
        self.heads, self.store, current = self._ends()
        self.current = current or self._create(now)
        for name in _hot_names(self.folder):
            if name != self.current.name:
                _fold_journal(self.folder, name)
        for form in forms_in(self.folder):
            self.remember(stored_requests(self.folder, form, now - window_us))

    def _ends(self) -> tuple[Heads, str, Segment | None]:
        """Return where the newest segment ends, whose store it is, and the segment itself when it is hot."""
        for form in reversed(forms_in(self.folder)):
            if form.tier == "sealed":
                return (*_sealed_heads(self.folder, form), None)
            segment = _open_or_remove(path_of(self.folder, form.name, "hot")) if form.tier == "hot" else None
            if segment is not None:
                return (*segment.heads(), segment)
        return Heads(1, CHAIN_ZERO), uuid.uuid4().hex, None

    def needs_next(self, now: int) -> bool:
        """Return whether the current segment is full, or of a day that is over."""
        # A clock that went back must not reopen an older day: names only grow.
        return self.current.events >= self._settings.segment_events_max or _day(now) > self.current.name[:10]

    def make_room(self, now: int) -> None:
        """Begin the next segment when its day has come or the current one is full; raises DiskFullError."""
        free = free_bytes(self.folder)
        if free < self._settings.free_bytes_min:
            raise DiskFullError(
                f"{free} bytes are free in {self.folder},"
                f" 'store.free_bytes_min' asks for {self._settings.free_bytes_min}"
            )
        if self.needs_next(now):
            following = self._create(now)
            self.current.finish()
            self.current = following

    def keep_journal_small(self) -> None:
        """Empty the journal of the current segment when it outgrew its limit because of readers."""
        self.current.shrink_journal(self._settings.journal_bytes_max)

    @property
    def keys_forgotten(self) -> int:
        """How many Idempotency-Keys were forgotten within their window because there were too many."""
        return self._requests.forgotten

    def request(self, key: str) -> Request | None:
        """Return the answer that a key got before."""
        return self._requests.get(key)

    def remember(self, requests: Iterable[Request]) -> None:
        """Note answered requests, and forget those past the window."""
        self._requests.remember(requests)

    def close(self) -> None:
        """Close the open segment and give the folder free."""
        self.current.close()
        self._lock.close()

    def _create(self, now: int) -> Segment:
        name = following_name(_day(now), [form.name for form in forms_in(self.folder)])
        return Segment.create(path_of(self.folder, name, "hot"), self.heads, self.store)


def free_bytes(folder: Path) -> int:
    """Return how many bytes the disk of a folder has free for us."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def _day(time_us: int) -> str:
    return (EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%d")


def _hot_names(folder: Path) -> list[str]:
    return [form.name for form in forms_in(folder) if form.tier == "hot"]


def _sealed_heads(folder: Path, form: Form) -> tuple[Heads, str]:
    with closing(open_segment(path_of(folder, form.name, "sealed"), immutable=True)) as connection:
        meta = read_meta(connection)
        sequences = decode_streams(read_part(connection, "streams"))
    return Heads(meta.first_number + meta.numbers, meta.chain_end, sequences), meta.store


def _fold_journal(folder: Path, name: str) -> None:
    """Bring what a crash left in the journal of a finished segment into its file."""
    path = path_of(folder, name, "hot")
    if Path(f"{path}-wal").exists():
        segment = _open_or_remove(path)
        if segment is not None:
            segment.finish()


def _open_or_remove(path: Path) -> Segment | None:
    """Open a segment; one whose creation was cut off before anything was in it is removed."""
    segment = Segment.open(path)
    if segment is None:
        remove_hot(path)
    return segment


def _lock_folder(folder: Path) -> IO[str]:
    lock = (folder / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise FolderInUseError(
            f"{folder} is in use by another collector; stop it, or give this one another 'data'"
        ) from error
    return lock
