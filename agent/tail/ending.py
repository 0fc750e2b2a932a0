"""The last lines of a file, for whoever wants a sample of it.  I/O only."""

import os
from typing import Final

_ENDING_BYTES: Final = 256 << 10


def last_lines(path: str, lines_max: int) -> list[bytes]:
    """Return the last whole lines of a file, at most so many; raises OSError."""
    with open(path, "rb") as file:  # noqa: PTH123
        size = os.fstat(file.fileno()).st_size
        start = max(0, size - _ENDING_BYTES)
        file.seek(start)
        data = file.read(_ENDING_BYTES)
    lines = data.split(b"\n")
    if start:
        lines = lines[1:]
    return [line.removesuffix(b"\r") for line in lines if line][-lines_max:]
