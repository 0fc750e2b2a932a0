"""The head of an index: what it covers.  Written last in every transaction, so that a reader sees whole states only.

It is one row of the file: a zstd frame with a checksum, in it MessagePack of :class:`Head` (an array, in the order of
the attributes).
"""

from pathlib import Path
from typing import Final

import msgspec

from collector.index.packing import PackingError, compress, decompress

#: Of everything in an index file.  Another number: made again from the blocks.
FORMAT: Final = 1
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class ChunkHead(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One chunk: its number in the file, its rows and times, the numbers of its fields.

    ``partial``: events in it have measures without a column.
    """

    number: int
    row: int
    n: int
    tmin: int
    tmax: int
    fields: list[int]
    partial: bool = False


class Head(msgspec.Struct, array_like=True, gc=False):
    """What an index covers.

    ``name`` and ``generation`` are those of the segment; ``build`` names this making of the index, so that what was
    remembered of an earlier one is not taken for it.  ``boot`` names the run of the machine in which it is written:
    what a process that was killed has committed can be trusted, what the machine lost with its power cannot.
    ``fields`` are the names of the fields by their number, ``sizes`` the largest code of each one's dictionary.
    ``last`` names the last block indexed: (stream, sequence).
    """

    format: int
    name: str
    generation: str
    build: str
    boot: str
    sealed: bool
    rows: int = 0
    fields: list[str] = msgspec.field(default_factory=list)
    sizes: list[int] = msgspec.field(default_factory=list)
    chunks: list[ChunkHead] = msgspec.field(default_factory=list)
    last: tuple[str, int] = ("", 0)


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Head)
_format_decoder: Final = msgspec.msgpack.Decoder(list[msgspec.Raw])


def pack_head(head: Head) -> bytes:
    """Return the bytes of a head."""
    return compress(_encoder.encode(head))


def unpack_head(data: bytes) -> Head | None:
    """Return the head that bytes hold, None when it is of another format; raises PackingError."""
    content = decompress(data)
    try:
        parts = _format_decoder.decode(content)
        if not parts or msgspec.msgpack.decode(parts[0]) != FORMAT:
            return None
        return _decoder.decode(content)
    except msgspec.MsgspecError as error:
        raise PackingError(f"the head of the index cannot be read: {error}") from error


def this_boot() -> str:
    """Return what names this run of the machine; "" where the system does not say, which never equals another."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
