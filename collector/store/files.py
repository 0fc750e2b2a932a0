"""The folder of segments: opening what is there, rolling over to the next file, keeping room on the disk."""

import fcntl
import os
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import IO

from collector.store.segment import CHAIN_ZERO, SUFFIX, Heads, Request, Segment
from collector.store.settings import StoreSettings
from watchbook.clock import EPOCH, SECOND_US, Clock


class FolderInUseError(Exception):
    """Another collector works in this folder."""


class DiskFullError(OSError):
    """Less space is free than the store keeps in reserve."""


class SegmentFiles:
    """The segments of a store and where they end.  Opened by the app, then used by the writer's thread alone.

    ``names`` are the segments found at the start, oldest first; ``on_new`` is told of each one begun later.
    """

    def __init__(self, folder: Path, settings: StoreSettings, clock: Clock) -> None:
        self._folder = folder
        self._settings = settings
        self.on_new: Callable[[str], None] = _nobody
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock_folder(folder)
        try:
            self._open(clock())
        except BaseException:
            self._lock.close()
            raise

    def _open(self, now: int) -> None:
        self._requests: dict[str, Request] = {}
        opened = [(path, segment) for path in _segment_paths(self._folder) if (segment := _open_or_remove(path))]
        self.names = [segment.name for _, segment in opened]
        for _, segment in opened[-2:]:
            self.remember(segment.requests_since(now - self._window_us))
        for _, segment in opened[:-1]:
            segment.close()
        if opened:
            self.current = opened[-1][1]
            self.heads, self.store = self.current.heads()
        else:
            self.heads, self.store = Heads(1, CHAIN_ZERO), uuid.uuid4().hex
            self.current = self._create(now)
            self.names = [self.current.name]

    @property
    def _window_us(self) -> int:
        return int(self._settings.idempotency_window * SECOND_US)

    def make_room(self, now: int) -> None:
        """Begin the next segment when its day has come or the current one is full; raises DiskFullError."""
        free = free_bytes(self._folder)
        if free < self._settings.free_bytes_min:
            raise DiskFullError(
                f"{free} bytes are free in {self._folder},"
                f" 'store.free_bytes_min' asks for {self._settings.free_bytes_min}"
            )
        # A clock that went back must not reopen an older day: names only grow.
        full = self.current.events >= self._settings.segment_events_max
        if full or _day(now) > self.current.name[:10]:
            following = self._create(now)
            self.current.close()
            self.current = following
            self.on_new(following.name)

    def request(self, key: str) -> Request | None:
        """Return the answer that a key got before."""
        return self._requests.get(key)

    def remember(self, requests: Iterable[Request]) -> None:
        """Note answered requests, and forget those past the window."""
        newest = 0
        for request in requests:
            self._requests[request.key] = request
            newest = max(newest, request.received)
        while self._requests:
            oldest = next(iter(self._requests.values()))
            if oldest.received >= newest - self._window_us:
                break
            del self._requests[oldest.key]

    def close(self) -> None:
        """Close the open segment and give the folder free."""
        self.current.close()
        self._lock.close()

    def _create(self, now: int) -> Segment:
        day = max([_day(now), *(path.name[:10] for path in _segment_paths(self._folder)[-1:])])
        name, part = day, 1
        while (path := self._folder / f"{name}{SUFFIX}").exists():
            part += 1
            name = f"{day}.{part:03}"
        return Segment.create(path, self.heads, self.store)


def free_bytes(folder: Path) -> int:
    """Return how many bytes the disk of a folder has free for us."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def _nobody(name: str) -> None:
    """Nobody asked to be told of new segments."""


def _day(time_us: int) -> str:
    return (EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%d")


def _segment_paths(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.name.removesuffix(SUFFIX))


def _open_or_remove(path: Path) -> Segment | None:
    """Open a segment; one whose creation was cut off before anything was in it is removed."""
    segment = Segment.open(path)
    if segment is None:
        for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            name.unlink(missing_ok=True)
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
