"""The log of the Container Runtime Interface: ``2026-11-21T14:05:09.123456789Z stdout F a line``.

``P`` instead of ``F`` marks a part of a line.  Further tags may follow behind a colon.
"""

from typing import Final

from agent.records import Piece
from agent.unwrap.wrapper import Wrapped, Wrapper

_REASON: Final = "is no line of a CRI log: expected 'TIME stdout F TEXT' or 'TIME stderr P TEXT'"


def _open(line: bytes) -> Wrapped:
    parts = line.split(b" ", 3)
    if len(parts) < 3 or parts[1] not in (b"stdout", b"stderr") or parts[0][10:11] != b"T":
        raise ValueError(_REASON)
    tag, _, tags = parts[2].partition(b":")
    if tag not in (b"F", b"P") or not parts[0].isascii():
        raise ValueError(_REASON)
    text = parts[3] if len(parts) == 4 else b""
    more = {"tags": tags.decode(errors="replace")} if tags else {}
    return Wrapped(Piece(parts[1].decode(), text, whole=tag == b"F"), parts[0].decode(), more)


CRI: Final = Wrapper("cri", _open)
