"""Lines to try: of a file, of standard input, or of files that are followed, framed as the agent frames them."""

import glob
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple

from agent.records import Peel
from agent.tail import InputFiles, MultilineSettings, Tailer, TailSettings
from agent.tail.encodings import encoding_of, frame_encoded
from agent.tail.multiline import Records
from agent.tail.packed import PackedFile, is_packed
from agent.tail.reading import PlainFile
from watchbook.clock import now_us

_READ_BYTES: Final = 256 << 10
#: How often files that are followed are looked at.
_GLANCE_S: Final = 0.1


class Piece(NamedTuple):
    """Some lines (or records) with their offsets; ``done`` of ``size`` bytes are read, size 0 when nobody knows it."""

    lines: list[bytes]
    offsets: Sequence[int | None]
    done: int = 0
    size: int = 0


@dataclass(frozen=True)
class Framing:
    """How the bytes of a file become lines."""

    encoding: str = "auto"
    multiline: MultilineSettings | None = None
    peel: Peel | None = None
    settings: TailSettings = TailSettings()  # noqa: RUF009 - it is frozen


def of_file(path: str, framing: Framing) -> Generator[Piece]:
    """Yield the lines of a file, also of a compressed one; raises OSError."""
    file = PackedFile(path) if is_packed(path) else PlainFile(path)
    size = 0 if is_packed(path) else file.stat().st_size
    place = 0

    def read() -> bytes:
        nonlocal place
        data = file.pread(_READ_BYTES, place)
        place += len(data)
        return data

    try:
        for piece in _framed(read, framing):
            yield piece._replace(size=size)
    finally:
        file.close()


def of_stream(stream: BinaryIO, framing: Framing) -> Iterator[Piece]:
    """Yield the lines of a stream, as they come."""
    descriptor = stream.fileno()
    for piece in _framed(lambda: os.read(descriptor, _READ_BYTES), framing):
        yield piece._replace(offsets=[None] * len(piece.lines))


def _framed(read: Callable[[], bytes], framing: Framing) -> Iterator[Piece]:
    limit = int(framing.settings.max_line_bytes)
    joins = framing.multiline is not None or framing.peel is not None
    records = Records(framing.multiline, limit, framing.peel) if joins else None
    waiting, offset, encoding, skipping, last = b"", 0, "", False, False
    while not last:
        data = read()
        last = not data
        waiting += data
        encoding = encoding or encoding_of(framing.encoding, waiting)
        framed = frame_encoded(waiting, offset, encoding, max_line_bytes=limit, skipping=skipping, last=last)
        if records is not None:
            framed = records.join(framed, offset, complete=last)
        waiting, offset, skipping = waiting[framed.used :], offset + framed.used, framed.skipping
        if framed.lines:
            yield Piece(framed.lines, framed.offsets, offset)


def of_following(patterns: Sequence[str], framing: Framing, *, are_patterns: bool) -> Iterator[Piece]:
    """Yield the lines that come into files from now on, for ever; what is not there yet is read from its beginning.

    The files are read as the agent reads them: across rotation and truncation.
    """
    paths = [pattern if are_patterns else glob.escape(os.path.abspath(pattern)) for pattern in patterns]  # noqa: PTH100
    files = InputFiles("try", tuple(paths), "end", framing.encoding, framing.multiline, framing.peel)
    tailer = Tailer([files], framing.settings, clock=now_us, since_us=now_us())
    try:
        while True:
            tailer.look()
            for chunk in tailer.read():
                if chunk.lines:
                    yield Piece(chunk.lines, chunk.offsets)
            time.sleep(_GLANCE_S)
    finally:
        tailer.close()
