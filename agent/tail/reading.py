"""Reads the next lines of a file that is held open.

Every read begins with the anchor: the last bytes before the offset are read again together with what follows, so that
a file that was truncated and has grown past the offset in between is noticed before a byte of it is taken for a line.
"""

import os
import time

from agent.tail.encodings import encoding_of, frame_encoded, is_wide
from agent.tail.framing import Framed
from agent.tail.multiline import Records
from agent.tail.packed import PackedFile
from agent.tail.settings import InputFiles, TailSettings
from agent.tail.track import ANCHOR_BYTES, Track, hash_bytes

#: How far NUL bytes are looked through for what follows them, each time.
_NULS_AT_ONCE = 256 << 20
_NULS_CHUNK = 1 << 20


class ContentChangedError(Exception):
    """The content of a file is not what was read of it before."""


class PlainFile:
    """A file as it lies on disk; the same calls as :class:`agent.tail.packed.PackedFile`."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def stat(self) -> os.stat_result:
        """Return its state."""
        return os.fstat(self._descriptor)

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``, fewer at its end."""
        return os.pread(self._descriptor, size, offset)

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


class OpenFile:
    """A file held open, whether its content can be trusted, and since when nothing has come of it.

    ``encoding``: how its bytes are read, once that is known.  ``seen``: its size when what is left of it was last seen
    not to be whole.  ``nuls_to``: up to where it holds nothing but NUL bytes.
    """

    __slots__ = ("encoding", "file", "nuls", "nuls_to", "quiet_since", "seen", "suspect")

    def __init__(self, file: PlainFile | PackedFile) -> None:
        self.file = file
        self.encoding = ""
        self.suspect = False
        self.quiet_since: float | None = None
        self.seen = -1
        self.nuls_to = 0
        self.nuls = 0

    def take_nuls(self) -> int:
        """Return how many NUL bytes were met since the last call."""
        nuls, self.nuls = self.nuls, 0
        return nuls

    @property
    def is_waiting(self) -> bool:
        """Whether what is left of it, or its end, is to be looked at again though nothing is added."""
        return self.quiet_since is not None

    def quiet_for(self, size: int) -> float:
        """Return for how many seconds the file has had this size and nothing has come of it."""
        now = time.monotonic()
        if self.seen != size or self.quiet_since is None:
            self.seen, self.quiet_since = size, now
        return now - self.quiet_since


class Reading:
    """How the files of one input are read."""

    def __init__(self, files: InputFiles, settings: TailSettings) -> None:
        self._encoding = files.encoding
        self._settings = settings
        self._records: Records | None = None
        if files.multiline is not None or files.peel is not None:
            self._records = Records(files.multiline, int(settings.max_line_bytes), files.peel)

    def read(self, track: Track, held: OpenFile) -> Framed | None:
        """Return the next lines of a file; None when there are none just now.

        At the end of a rotated file that nobody writes to any more its ``state`` becomes finished; what is returned
        then may be empty.  Raises OSError, and ContentChangedError when the content is not what it was.
        """
        size = track.size if track.packed_bytes else held.file.stat().st_size
        if size == track.offset:
            return self._rest(track, held, size)
        limit = int(self._settings.max_line_bytes)
        wanted = int(self._settings.chunk_bytes)
        while True:
            before, data = self._pread(track, held, wanted)
            framed = self._frame(data, track, held)
            if framed.used or len(data) < wanted or wanted > limit:
                break
            wanted = min(wanted * 2, limit + 1)
        if not framed.used:
            end = track.offset + len(data)
            if end < size:  # a read that ends before a bad block only ends early: the next one says why
                held.file.pread(1, end)
            return self._pass_nuls(track, held, data) or self._rest(track, held, size)
        return self._done(track, held, before, data, framed)

    def _done(self, track: Track, held: OpenFile, before: bytes, data: bytes, framed: Framed) -> Framed:
        held.quiet_since = None
        last = data[max(0, framed.used - ANCHOR_BYTES) : framed.used]
        track.set_anchor(last if len(last) == ANCHOR_BYTES else before + last)
        if b"\0" in data and not is_wide(held.encoding):
            held.nuls += data.count(b"\0", 0, framed.used)
        if track.offset == 0 and track.head_bytes < self._settings.fingerprint_bytes:
            head = data[: self._settings.fingerprint_bytes]
            track.head_bytes, track.head_hash = len(head), hash_bytes(head)
        return framed

    def _frame(
        self, data: bytes, track: Track, held: OpenFile, *, complete: bool = False, last: bool = False
    ) -> Framed:
        limit = int(self._settings.max_line_bytes)
        framed = frame_encoded(
            data, track.offset, held.encoding, max_line_bytes=limit, skipping=track.skipping, last=last
        )
        if self._records is None:
            return framed
        return self._records.join(framed, track.offset, complete=complete or last)

    def _pread(self, track: Track, held: OpenFile, size: int) -> tuple[bytes, bytes]:
        """Return the anchor and what follows it from the offset on.

        What is known of the content is read again in the same call: the anchor before the offset, at offset 0 the head.
        """
        before = track.anchor_bytes
        if track.offset == 0:
            size = max(size, track.head_bytes)
        data = held.file.pread(before + size, track.offset - before)
        known = not before or hash_bytes(data[:before]) == track.anchor_hash
        if track.offset == 0 and track.head_bytes:
            known = hash_bytes(data[: track.head_bytes]) == track.head_hash
        if not known:
            raise ContentChangedError
        if not held.encoding or track.offset == 0:
            head = data if track.offset == 0 else held.file.pread(2, 0)
            held.encoding = track.encoding = encoding_of(self._encoding, head)
        return data[:before], data[before:]

    def _rest(self, track: Track, held: OpenFile, size: int) -> Framed | None:
        """At what is not whole: a record may have had its time; a rotated file that was quiet for long is finished."""
        if track.state != "rotated" and (self._records is None or size <= track.offset):
            held.quiet_since = None
            return None
        quiet_s = held.quiet_for(size)
        if track.state == "rotated" and quiet_s >= self._settings.rotated_hold:
            before, data = self._pread(track, held, int(self._settings.max_line_bytes))
            framed = self._frame(data, track, held, last=True)
            if track.offset + framed.used >= size:
                track.state = "finished"
            return self._done(track, held, before, data, framed)
        if self._records is not None and size > track.offset and quiet_s >= self._records.timeout:
            before, data = self._pread(track, held, int(self._settings.max_line_bytes))
            framed = self._frame(data, track, held, complete=True)
            if framed.used:
                return self._done(track, held, before, data, framed)
        return None

    def _pass_nuls(self, track: Track, held: OpenFile, data: bytes) -> Framed | None:
        """Go past NUL bytes that something follows: a truncated log under a writer that does not append.

        NUL bytes that nothing follows are left: a file that was allocated in advance is written to there.
        """
        if not data or data.strip(b"\0") or is_wide(held.encoding):
            return None
        place = max(track.offset, held.nuls_to)
        limit = place + _NULS_AT_ONCE
        while place < limit:
            chunk = held.file.pread(_NULS_CHUNK, place)
            text = chunk.lstrip(b"\0")
            place += len(chunk) - len(text)
            if text or not chunk:
                break
        held.nuls_to = place
        if not text:
            return None
        passed = place - track.offset
        held.nuls += passed
        held.quiet_since = None
        track.set_anchor(bytes(min(passed, ANCHOR_BYTES)))
        return Framed([], [], used=passed, passed=passed)
