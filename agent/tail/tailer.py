"""Holds the open files of all inputs and reads whole lines from them in turn."""

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import NamedTuple

from agent.records import Chunk
from agent.tail.contents import DiskContents, UnreadableError
from agent.tail.framing import Framed
from agent.tail.glance import glance
from agent.tail.links import Links
from agent.tail.listing import Found, expand, list_folders, look_at
from agent.tail.packed import PackedFile, is_packed
from agent.tail.reading import ContentChangedError, OpenFile, PlainFile, Reading
from agent.tail.reconcile import Lost, ReadHeld, Reconciler, View
from agent.tail.settings import InputFiles, TailSettings
from agent.tail.track import Account, Track, decode_track, encode_track
from watchbook.clock import SECOND_US, Clock
from watchbook.logs import get_logger

log = get_logger("tail")
#: After so long everything is looked at, changed or not: what is missing is forgotten some day.
_LOOK_ANYWAY_S = 300.0


class Changes(NamedTuple):
    """What must be remembered: the documents of tracks by id (None: forget it), and the patterns started.

    ``reach``: the offsets of those of them that moved, as they were when they were last asked for.
    """

    tracks: dict[int, bytes | None]
    started: list[str]
    reach: dict[int, int]


class Tailer:
    """Reads every line of the inputs' files once.

    ``documents`` are what :meth:`take_changes` gave before, as stored; ``started`` likewise.  ``since_us`` is when the
    agent was first started.  ``lost`` collects what
    was seen and could not be read.  ``after`` is a tailer whose last changes are all in ``documents``: its open files
    are taken over, so that what was deleted meanwhile can be read to its end.
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
        after: "Tailer | None" = None,
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
        self._readings = {files.name: Reading(files, settings) for files in self._inputs}
        self._open: dict[int, OpenFile] = after._release() if after else {}
        self._dirty: dict[int, None] = {}
        self._reached = {track.id: track.offset for track in self.tracks.values()}
        self.lost: list[Lost] = []
        self._file_errors: dict[str, str] = {}
        self._failing: set[int] = set()
        self._folder_errors: dict[str, str] = {}
        self.needs_look = True
        self._linked_folders: set[str] = set()
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
            self._note_lost(lost)
        self.lost.extend(outcome.lost)
        suspects = {identifier for identifier, held in self._open.items() if held.suspect}
        for identifier in outcome.moved | outcome.removed | suspects:
            self._close(identifier)
        self._dirty.update(dict.fromkeys(outcome.changed | outcome.removed))
        self._open_files()
        fixed = {_fixed_folder(pattern) for pattern in self._patterns()}
        read = {str(PurePath(track.path).parent) for track in self.tracks.values() if track.is_read}
        folders = fixed | read | self._linked_folders
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
            reading = [track for track in reading if self._may_have_more(track, hints)]
        self._is_quiet = False
        reading.sort(key=lambda track: track.state == "live")
        while reading:
            going_on = []
            for track in reading:
                chunk = self._read_chunk(track)
                if chunk is not None:
                    going_on.append(track)
                    yield chunk
            reading = going_on
        self._is_quiet = True

    def _may_have_more(self, track: Track, hints: Collection[str]) -> bool:
        """Return whether a file may have something that is not read, though it had been read as far as it went."""
        if track.state != "live" or track.path in hints or self._open[track.id].is_waiting:
            return True
        return self._reconciler.links.target(track.path) in hints

    def take_changes(self) -> Changes:
        """Return what has changed since the last call, to be stored with the lines read until now."""
        tracks: dict[int, bytes | None] = {}
        reach: dict[int, int] = {}
        for identifier in self._dirty:
            track = self.tracks.get(identifier)
            if track is None:
                tracks[identifier] = None
                self._reached.pop(identifier, None)
                continue
            tracks[identifier] = encode_track(track)
            reached = self._reached.get(identifier, 0)
            if reached != track.offset:
                reach[identifier], self._reached[identifier] = reached, track.offset
        self._dirty.clear()
        return Changes(tracks, sorted(self._reconciler.started), reach)

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to store."""
        return bool(self._dirty)

    def close(self) -> None:
        """Close every file."""
        for identifier in list(self._open):
            self._close(identifier)

    def _release(self) -> dict[int, OpenFile]:
        held, self._open = self._open, {}
        # How they are read may be another matter from now on; what is suspect shows again at the first read.
        return {identifier: OpenFile(each.file) for identifier, each in held.items()}

    def _view(self) -> View:
        live: dict[str, str] = {}
        for files in self._inputs:
            for path in expand(files.patterns):
                live.setdefault(path, files.name)
        folders = {str(PurePath(path).parent) for path in live}
        folders.update(str(PurePath(track.path).parent) for track in self.tracks.values())
        folders.update(_fixed_folder(pattern) for files in self._inputs for pattern in files.patterns)
        listing = list_folders(folders)
        links = Links({path: os.path.realpath(path) for path in live if path in listing.links})
        listing.take_in(list_folders(links.folders() - folders))
        folders |= links.folders()
        self._reconciler.links, self._linked_folders = links, links.folders()
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
            wanted = self._reconciler.wants_content(found, live)
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
            file = PackedFile(track.path) if track.packed_bytes else PlainFile(track.path)
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
        self._open[track.id] = OpenFile(file)

    def _read_chunk(self, track: Track) -> Chunk | None:
        """Return the next lines of a file; None when there are none just now."""
        held = self._open.get(track.id)
        if held is None or held.suspect:
            return None
        try:
            framed = self._readings[track.input].read(track, held)
        except ContentChangedError:
            held.suspect = True
            self._reconciler.distrust(track)
            self.needs_look = True
            return None
        except OSError as error:
            self._file_errors[track.path] = error.strerror or str(error)
            if track.id not in self._failing:
                log.error("file_read_failed", file=track.path, offset=track.offset, error=error.strerror)  # noqa: TRY400
            self._failing.add(track.id)
            self._close(track.id)  # opened again at the next look
            return None
        if framed is None:
            return None
        self._failing.discard(track.id)
        chunk = self._advance(track, framed, held)
        if track.state == "finished":
            self._dirty[track.id] = None
            self._close(track.id)
        return chunk if framed.used else None

    def _advance(self, track: Track, framed: Framed, held: OpenFile) -> Chunk:
        track.offset += framed.used
        track.size = max(track.size, track.offset)
        track.skipping = framed.skipping
        self._dirty[track.id] = None
        return Chunk(
            track.input,
            track.path,
            framed.lines,
            framed.offsets,
            framed.truncated,
            framed.cuts,
            size=framed.used,
            end=track.offset,
            lost=framed.lost,
            passed=framed.passed,
            nuls=held.take_nuls(),
            track=track.id,
        )

    def account(self, identifier: int, counts: Account) -> None:
        """Add what became of the bytes of a chunk; the track must be stored with the chunk's lines."""
        track = self.tracks.get(identifier)
        if track is not None:
            track.account.add(counts)

    def _note_lost(self, lost: Lost) -> None:
        track = self.tracks.get(lost.track)
        if track is not None:
            track.account.add(Account(read=lost.bytes, lost=lost.bytes))
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
