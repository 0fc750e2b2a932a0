"""What the bytes of a file mean.  Pure.

Lines leave here as UTF-8.  What cannot be decoded becomes bytes that are no UTF-8 either, so that the profile replaces
them, and flags and counts the line, as it does in a file of broken UTF-8.
"""

import codecs
from collections.abc import Callable
from typing import Final

from agent.tail.framing import Framed, frame

#: UTF-8, or UTF-16 where a file begins with its byte order mark.
AUTO: Final = "auto"
_WIDE: Final = {"utf-16": "utf-16-le", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be"}
_NEWLINES: Final = {"utf-16-le": b"\n\0", "utf-16-be": b"\0\n"}
_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_ASCII: Final = bytes(range(128))
#: A byte that is no UTF-8, in place of half a character.
_BROKEN: Final = b"\xff"


def normal_name(name: str) -> str | None:
    """Return the name by which an encoding is known here; None when there is none whose lines can be told apart."""
    if name.lower() == AUTO:
        return AUTO
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    if known in _WIDE or known in ("utf-8", "utf-8-sig"):
        return known.removesuffix("-sig")
    try:
        is_like_ascii = _ASCII.decode(known) == _ASCII.decode("ascii") and "é\n".encode(known, "replace")[-1:] == b"\n"
    except (LookupError, UnicodeError, TypeError, AttributeError):
        return None
    return known if is_like_ascii else None


def encoding_of(setting: str, head: bytes) -> str:
    """Return how a file is read that begins with ``head``: a codec, ``utf-8`` for bytes that are taken as they are."""
    marked = _MARKS.get(head[:2])
    if setting == AUTO:
        return marked or "utf-8"
    if setting == "utf-16":
        return marked or "utf-16-le"
    return setting


def is_wide(encoding: str) -> bool:
    """Return whether its characters have at least two bytes."""
    return encoding in _NEWLINES


def ends_a_line(before: bytes, encoding: str) -> bool:
    """Return whether what stands before an offset ends with a newline, or nothing stands there."""
    return not before or before.endswith(_NEWLINES.get(encoding, b"\n"))


def frame_encoded(
    data: bytes, start: int, encoding: str, *, max_line_bytes: int, skipping: bool = False, last: bool = False
) -> Framed:
    """Split what was read at offset ``start`` into lines of UTF-8; see :func:`agent.tail.framing.frame`."""
    if encoding in _NEWLINES:
        return _frame_wide(data, start, encoding, max_line_bytes & ~1, skipping, last)
    framed = frame(data, start, max_line_bytes=max_line_bytes, skipping=skipping, last=last)
    if encoding == "utf-8" or data.isascii():
        return framed
    return framed._replace(lines=[line if line.isascii() else _recoded(line, encoding) for line in framed.lines])


def _recoded(line: bytes, encoding: str) -> bytes:
    try:
        return line.decode(encoding, "surrogateescape").encode("utf-8", "surrogatepass")
    except UnicodeError:
        return line.decode(encoding, "replace").encode() + _BROKEN


def _frame_wide(data: bytes, start: int, encoding: str, limit: int, skipping: bool, last: bool) -> Framed:
    """Split UTF-16: a newline is two bytes at an even place."""
    find = _finder(data, _NEWLINES[encoding])
    skipped = 0
    if skipping:
        skipped = find(0) + 2
        if skipped == 1:
            used = len(data) if last else len(data) & ~1
            return Framed([], [], used=used, skipped=used, skipping=not last)
    lines: list[bytes] = []
    offsets: list[int] = []
    truncated: list[int] = []
    cuts: list[int] = []
    place = skipped
    still_skipping = False

    def add(end: int, after: int) -> None:
        if end - place > limit:
            truncated.append(len(lines))
            cuts.append(after - place - limit)
        offsets.append(start + place)
        lines.append(_narrowed(data[place : min(end, place + limit)], encoding, start + place == 0))

    while (end := find(place)) >= 0:
        add(end, end + 2)
        place = end + 2
    rest = len(data) - place
    if rest and last:
        add(len(data), len(data))
        place = len(data)
    elif rest > limit:
        still_skipping = True
        end = place + (rest & ~1)
        add(end, end)
        place = end
    return Framed(lines, offsets, tuple(truncated), tuple(cuts), place, skipped, 0, still_skipping)


def _finder(data: bytes, newline: bytes) -> Callable[[int], int]:
    def find(place: int) -> int:
        found = data.find(newline, place)
        while found % 2 and found >= 0:
            found = data.find(newline, found + 1)
        return found

    return find


def _narrowed(line: bytes, encoding: str, is_first: bool) -> bytes:
    whole = line[: len(line) & ~1]
    text = whole.decode(encoding, "surrogatepass")
    if is_first:
        text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    narrow = text.removesuffix("\r").lstrip("\0").encode("utf-8", "surrogatepass")
    return narrow if len(whole) == len(line) else narrow + _BROKEN
