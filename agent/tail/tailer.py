"""Holds the open files of all inputs and reads whole lines from them.

Every read begins with the anchor: the last bytes before the offset are read again together with what follows, so that
a file that was truncated and has grown past the offset in between is noticed before a byte of it is taken for a line.
"""

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import NamedTuple

from agent.records import Chunk
from agent.tail.contents import DiskContents, UnreadableError
from agent.tail.framing import Framed, frame
from agent.tail.glance import glance
from agent.tail.listing import Found, expand, list_folders, look_at
from agent.tail.packed import PackedFile, is_packed
from agent.tail.reconcile import Lost, ReadHeld, Reconciler, View
from agent.tail.settings import InputFiles, TailSettings
from agent.tail.track import Track, decode_track, encode_track, hash_bytes
from watchbook.clock import SECOND_US, Clock
from watchbook.logs import get_logger

log = get_logger("tail")
#: After so long everything is looked at, changed or not: what is missing is forgotten some day.
_LOOK_ANYWAY_S = 300.0


class Changes(NamedTuple):
    """What must be remembered: the documents of tracks by id (None: forget it), and the patterns started."""

    tracks: dict[int, bytes | None]
    started: list[str]


class _PlainFile:
    """A file as it lies on disk; the same calls as :class:`agent.tail.packed.PackedFile`."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def stat(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def pread(self, size: int, offset: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def close(self) -> None:
        os.close(self._descriptor)


class _OpenFile:
    """A file held open: the file, whether its content can be trusted, and since when it has not grown."""

    __slots__ = ("file", "quiet_since", "suspect")

    def __init__(self, file: _PlainFile | PackedFile) -> None:
        self.file = file
        self.suspect = False
        self.quiet_since: float | None = None


class Tailer:
    """Reads every line of the inputs' files once.

    ``documents`` are what :meth:`take_changes` gave before, as stored; ``started`` likewise.  ``since_us`` is when the
    agent was first started.  ``lost`` collects what
    was seen and could not be read.
    """

    def __init__(
        self,
        inputs: Iterable[InputFiles],
        settings: TailSettings,
        *,
        clock: Clock,
        since_us: int,
        documents: Iterable[bytes] = (),
        started: Iterable[str] = (),
    ) -> None:
        self._inputs = list(inputs)
        self._settings = settings
        self._clock = clock
        self._contents = DiskContents()
        self._reconciler = Reconciler(
            self._inputs,
            self._contents,
            fingerprint_bytes=settings.fingerprint_bytes,
            forget_after_us=int(settings.forget_after * SECOND_US),
            since_us=since_us,
            tracks=map(decode_track, documents),
            started=started,
        )
        self._open: dict[int, _OpenFile] = {}
        self._dirty: dict[int, None] = {}
        self.lost: list[Lost] = []
        self._file_errors: dict[str, str] = {}
        self._folder_errors: dict[str, str] = {}
        self.needs_look = True
        self._seen: int | None = None
        self._looked = -_LOOK_ANYWAY_S
        self._is_quiet = False
        self._folders = {_fixed_folder(pattern) for files in self._inputs for pattern in files.patterns}

    @property
    def tracks(self) -> Mapping[int, Track]:
        """What is remembered, by id."""
        return self._reconciler.tracks

    @property
    def errors(self) -> dict[str, str]:
        """What cannot be read just now, and why, by path."""
        return {**self._contents.errors, **self._folder_errors, **self._file_errors}

    def folders(self) -> set[str]:
        """Return the folders in which something may happen, as of the last look; may be asked during the next."""
        return self._folders

    def look(self) -> None:
        """Look at the folders: follow renames, notice truncations, open what is new."""
        seen = glance(self._folders, self._patterns())
        now = time.monotonic()
        if seen is not None and seen == self._seen and not self.needs_look and now - self._looked < _LOOK_ANYWAY_S:
            return
        self.needs_look = self._is_quiet = False
        self._looked = now
        view = self._view()
        outcome = self._reconciler.reconcile(view, self._held)
        for lost in outcome.lost:
            log.error("bytes_lost", input=lost.input, file=lost.file, bytes=lost.bytes)
        self.lost.extend(outcome.lost)
        suspects = {identifier for identifier, held in self._open.items() if held.suspect}
        for identifier in outcome.moved | outcome.removed | suspects:
            self._close(identifier)
        self._dirty.update(dict.fromkeys(outcome.changed | outcome.removed))
        self._open_files()
        fixed = {_fixed_folder(pattern) for pattern in self._patterns()}
        folders = fixed | {str(PurePath(t.path).parent) for t in self.tracks.values() if t.is_read}
        # What is decided anew at every look, or tried again, must be looked at again.
        decided = any((outcome.changed, outcome.moved, outcome.removed, outcome.lost))
        settled = not (decided or self._reconciler.is_undecided or self.errors) and folders == self._folders
        self._seen = seen if settled else None
        self._folders = folders

    def _patterns(self) -> list[str]:
        return [pattern for files in self._inputs for pattern in files.patterns]

    def read(self, hints: Collection[str] | None = None) -> Iterator[Chunk]:
        """Yield what the files have, a chunk of each file in turn, until all are read or the caller stops asking.

        ``hints``: the paths that are known to have changed since the last look or reading; None: any may have.
        """
        # Files of an input that was taken out of the configuration stay known, unread.
        configured = {files.name for files in self._inputs}
        reading = [t for t in self.tracks.values() if t.id in self._open and t.input in configured]
        if self._is_quiet and hints is not None:
            reading = [track for track in reading if track.state != "live" or track.path in hints]
        self._is_quiet = False
        reading.sort(key=lambda track: track.state == "live")
        while reading:
            going_on = []
            for track in reading:
                chunk = self._read_chunk(track)
                if chunk is not None:
                    going_on.append(track)
                    if chunk.lines:
                        yield chunk
            reading = going_on
        self._is_quiet = True

    def take_changes(self) -> Changes:
        """Return what has changed since the last call, to be stored with the lines read until now."""
        tracks = {i: encode_track(self.tracks[i]) if i in self.tracks else None for i in self._dirty}
        self._dirty.clear()
        return Changes(tracks, sorted(self._reconciler.started))

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to store."""
        return bool(self._dirty)

    def close(self) -> None:
        """Close every file."""
        for identifier in list(self._open):
            self._close(identifier)

    def _view(self) -> View:
        live: dict[str, str] = {}
        for files in self._inputs:
            for path in expand(files.patterns):
                live.setdefault(path, files.name)
        folders = {str(PurePath(path).parent) for path in live}
        folders.update(str(PurePath(track.path).parent) for track in self.tracks.values())
        folders.update(_fixed_folder(pattern) for files in self._inputs for pattern in files.patterns)
        listing = list_folders(folders)
        for path in live:
            if path not in listing.files and (found := look_at(path)):
                listing.files[path] = found
        self._contents.errors = {}
        self._unpack(listing.files, live)
        self._folder_errors = {**listing.strange, **listing.unreadable}
        absent = {folder for folder in folders if not os.path.isdir(folder)}  # noqa: PTH112
        return View(listing.files, live, frozenset({*listing.unreadable, *absent}), self._clock())

    def _held(self, track: Track) -> ReadHeld | None:
        held = self._open.get(track.id)
        return None if held is None else lambda offset, size: held.file.pread(size, offset)

    def _unpack(self, files: dict[str, Found], live: Mapping[str, str]) -> None:
        """Give compressed files the size of their content; those of no interest, or not readable, are left out."""
        tracks = {track.identity: track for track in self.tracks.values() if track.packed_bytes}
        packed = [found for path, found in files.items() if is_packed(path)]
        for found in packed:
            track = tracks.get(found.identity)
            same = found._replace(packed_bytes=max(1, found.size))
            if track is not None and track.is_packed_in(same):
                files[found.path] = same._replace(size=track.size)
                continue
            wanted = self._reconciler.wants_content(found, live.get(found.path))
            if wanted is False:
                files[found.path] = same
                continue
            del files[found.path]
            if wanted:
                with suppress(UnreadableError):
                    files[found.path] = self._contents.unpacked(found)
        self._contents.forget_sizes(packed)

    def _open_files(self) -> None:
        wanted = [track for track in self.tracks.values() if track.is_read and track.id not in self._open]
        paths = {track.path for track in wanted}
        self._file_errors = {path: reason for path, reason in self._file_errors.items() if path in paths}
        for track in wanted:
            self._open_file(track)

    def _open_file(self, track: Track) -> None:
        try:
            file = PackedFile(track.path) if track.packed_bytes else _PlainFile(track.path)
        except FileNotFoundError:  # renamed a moment ago
            self.needs_look = True
            return
        except OSError as error:
            if track.path not in self._file_errors:
                log.error("file_open_failed", file=track.path, error=error.strerror)  # noqa: TRY400
            self._file_errors[track.path] = error.strerror or str(error)
            return
        self._file_errors.pop(track.path, None)
        status = file.stat()
        if (status.st_dev, status.st_ino) != track.identity:
            file.close()
            self.needs_look = True
            return
        self._open[track.id] = _OpenFile(file)

    def _read_chunk(self, track: Track) -> Chunk | None:
        """Return the next lines of a file; None when there are none just now."""
        held = self._open.get(track.id)
        if held is None or held.suspect:
            return None
        try:
            framed = self._read_framed(track, held)
        except OSError as error:
            self._file_errors[track.path] = error.strerror or str(error)
            self._close(track.id)  # opened again at the next look
            return None
        if framed is None:
            return None
        self._advance(track, framed)
        return Chunk(track.input, track.path, framed.lines, framed.offsets, framed.truncated)

    def _read_framed(self, track: Track, held: _OpenFile) -> Framed | None:
        size = track.size if track.packed_bytes else held.file.stat().st_size
        if size == track.offset:
            return self._rest(track, held)
        wanted = int(self._settings.chunk_bytes)
        while True:
            read = self._pread(track, held, wanted)
            if read is None:
                return None
            before, data = read
            framed = self._frame(data, track)
            if framed.used or len(data) < wanted:
                break
            wanted = min(wanted * 2, self._settings.max_line_bytes + 1)
        if not framed.used:
            return self._rest(track, held)
        held.quiet_since = None
        track.set_anchor(before + data[: framed.used])
        if track.offset == 0 and track.head_bytes < self._settings.fingerprint_bytes:
            head = data[: self._settings.fingerprint_bytes]
            track.head_bytes, track.head_hash = len(head), hash_bytes(head)
        return framed

    def _frame(self, data: bytes, track: Track, *, last: bool = False) -> Framed:
        limit = self._settings.max_line_bytes
        return frame(data, track.offset, max_line_bytes=limit, skipping=track.skipping, last=last)

    def _pread(self, track: Track, held: _OpenFile, size: int) -> tuple[bytes, bytes] | None:
        """Return the anchor and what follows it from the offset on; None when the content is not what it was.

        What is known of it is read again in the same call: the anchor before the offset, at offset 0 the head.
        """
        before = track.anchor_bytes
        if track.offset == 0:
            size = max(size, track.head_bytes)
        data = held.file.pread(before + size, track.offset - before)
        known = not before or hash_bytes(data[:before]) == track.anchor_hash
        if track.offset == 0 and track.head_bytes:
            known = hash_bytes(data[: track.head_bytes]) == track.head_hash
        if not known:
            held.suspect = True
            self._reconciler.distrust(track)
            self.needs_look = True
            return None
        return data[:before], data[before:]

    def _rest(self, track: Track, held: _OpenFile) -> Framed | None:
        """At the end of what is there: when a rotated file has been quiet for long enough, finish it."""
        if track.state != "rotated":
            return None
        now = time.monotonic()
        if held.quiet_since is None:
            held.quiet_since = now
        if now - held.quiet_since < self._settings.rotated_hold:
            return None
        read = self._pread(track, held, self._settings.max_line_bytes)
        if read is None:
            return None
        before, data = read
        framed = self._frame(data, track, last=True)
        track.state = "finished"
        track.set_anchor(before + data[: framed.used])
        self._dirty[track.id] = None
        self._close(track.id)
        return framed if framed.used else None

    def _advance(self, track: Track, framed: Framed) -> None:
        track.offset += framed.used
        track.size = max(track.size, track.offset)
        track.lines += len(framed.lines)
        track.bytes_read += framed.used
        track.bytes_cut += framed.cut
        track.skipping = framed.skipping
        self._dirty[track.id] = None

    def _close(self, identifier: int) -> None:
        held = self._open.pop(identifier, None)
        if held is not None:
            held.file.close()


def _fixed_folder(pattern: str) -> str:
    """Return the deepest folder of a pattern that holds no wildcard."""
    parts = PurePath(pattern).parent.parts
    fixed = []
    for part in parts:
        if any(sign in part for sign in "*?["):
            break
        fixed.append(part)
    return str(PurePath(*fixed)) if fixed else "."
