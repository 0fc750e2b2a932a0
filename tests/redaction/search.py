"""Looks for secrets in bytes: as they are, and in every zstd frame among them."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import zstandard

_MAGIC = b"\x28\xb5\x2f\xfd"
_FRAME_BYTES_MAX = 1 << 28


def bytes_of(paths: Iterable[Path]) -> bytes:
    """Return what files hold, those in folders too, with their names and with what is compressed in them."""
    pieces: list[bytes] = []
    for path in sorted(paths):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            pieces.append(str(file.name).encode())
            if file.is_file():
                data = file.read_bytes()
                pieces += data, *frames(data)
    return b"\n".join(pieces)


def frames(data: bytes) -> Iterator[bytes]:
    """Yield the content of every zstd frame that begins somewhere in some bytes and is whole."""
    at = data.find(_MAGIC)
    while at >= 0:
        with suppress(zstandard.ZstdError):  # four bytes that look like a frame, or one that a page cuts in two
            yield zstandard.ZstdDecompressor().decompressobj().decompress(data[at : at + _FRAME_BYTES_MAX])
        at = data.find(_MAGIC, at + 1)


def blobs_of(database: Path) -> bytes:
    """Return every text and blob of an SQLite database, and what is compressed in them.

    A large blob is spread over pages, so that no search of the file finds all of its frame.
    """
    pieces: list[bytes] = []
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            with suppress(sqlite3.OperationalError):  # an index of words without its texts cannot be read row by row
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    for value in row:
                        given = value.encode() if isinstance(value, str) else value
                        if isinstance(given, bytes):
                            pieces += given, *frames(given)
    finally:
        connection.close()
    return b"\n".join(pieces)
