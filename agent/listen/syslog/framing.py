r"""From the bytes of a connection to messages: RFC 6587, both of its framings, told apart message by message.

A message that begins with digits, a space and ``<`` is octet counted (``34 <34>1 …``); any other ends at a newline or a
NUL.  Once a connection has counted, digits and a space are enough.  Line ends and NULs at the end of a message are no
part of it, and what is empty without them is no message.

What is longer than the limit is cut there; the rest of it is skipped as it comes, however long it says it is.  A
count of more than ten digits is none: such bytes are text up to the next newline.
"""

import re
from typing import Final, NamedTuple

_COUNT_OF_FIRST: Final = re.compile(rb"([1-9][0-9]{0,9}) (?=<)")
_COUNT: Final = re.compile(rb"([1-9][0-9]{0,9}) ")
#: What may stand behind a message and is no part of it.
TRAILER: Final = b"\r\n\0"


class Framed(NamedTuple):
    """Messages, and the places of those among them that were cut."""

    messages: list[bytes]
    truncated: list[int]


class Deframer:
    """Takes the bytes of one connection as they come."""

    def __init__(self, message_bytes_max: int) -> None:
        self._max = message_bytes_max
        self._partial = b""
        self._counts = False
        #: Bytes still to come of a counted message that was cut.
        self._skip = 0
        #: Whether a message that ends at a newline was cut, and its newline is still to come.
        self._skip_line = False
        #: How many bytes behind the limit were skipped so far.
        self.skipped = 0

    @property
    def in_message(self) -> bool:
        """Whether a message has begun that has not ended."""
        return bool(self._partial or self._skip or self._skip_line)

    def feed(self, data: bytes) -> Framed:
        """Return the messages that end with these bytes."""
        framed = Framed([], [])
        if self._skip or self._skip_line:
            data = self._behind_skipped(data)
        buffer = self._partial + data if self._partial else data
        self._partial = b""
        start = self._take_plain_lines(buffer, framed)
        while start < len(buffer):
            end = self._take_one(buffer, start, framed)
            if end is None:
                self._partial = buffer[start:]
                break
            start = end
        return framed

    def finish(self, *, clean: bool) -> Framed:
        """Return what is left when the connection has ended; ``clean``: its sender closed it in order.

        The last line of a sender that closes may come without its newline; everything else was cut off.
        """
        framed = Framed([], [])
        found = self._count(self._partial, 0)
        rest = self._partial if found is None else self._partial[found.end() :]
        self._add(rest, framed, cut=not clean or found is not None)
        self._partial, self._skip, self._skip_line = b"", 0, False
        return framed

    def _take_plain_lines(self, buffer: bytes, framed: Framed) -> int:
        r"""Take all lines at once where every one begins with ``<`` and ends with a newline; return where they end."""
        end = buffer.rfind(b"\n") + 1
        if not end or buffer[0] != 0x3C or buffer.count(b"\n<", 0, end) + 1 != buffer.count(b"\n", 0, end):
            return 0
        block = buffer[: end - 1]
        lines = block.split(b"\n")
        if b"\0" in block or len(max(lines, key=len)) > self._max:
            return 0
        framed.messages.extend([line.rstrip(TRAILER) for line in lines] if b"\r" in block else lines)
        return end

    def _take_one(self, buffer: bytes, start: int, framed: Framed) -> int | None:
        """Take the message that begins at a place; return where it ends, None when that is still to come."""
        found = self._count(buffer, start)
        if found is None:
            return self._take_line(buffer, start, framed)
        size, start = int(found[1]), found.end()
        end = start + size
        if end > len(buffer) and (size <= self._max or len(buffer) - start < self._max):
            return None
        self._counts = True
        if size <= self._max:
            self._add(buffer[start:end], framed, cut=False)
            return end
        self._add(buffer[start : start + self._max], framed, cut=True)
        self.skipped += size - self._max if end <= len(buffer) else len(buffer) - start - self._max
        self._skip = max(0, end - len(buffer))
        return min(end, len(buffer))

    def _take_line(self, buffer: bytes, start: int, framed: Framed) -> int | None:
        end = _line_end(buffer, start)
        if end is None:
            if len(buffer) - start <= self._max:
                return None
            self._skip_line = True
            end = len(buffer)
        excess = end - start - self._max
        if excess > 0:
            self.skipped += excess
            self._add(buffer[start : start + self._max], framed, cut=True)
        else:
            self._add(buffer[start:end], framed, cut=False)
        return end + 1

    def _behind_skipped(self, data: bytes) -> bytes:
        """Return what comes behind a message that was cut."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            self.skipped += skipped
            return data[skipped:]
        end = _line_end(data, 0)
        self.skipped += len(data) if end is None else end
        self._skip_line = end is None
        return b"" if end is None else data[end + 1 :]

    def _count(self, buffer: bytes, start: int) -> re.Match[bytes] | None:
        return (_COUNT if self._counts else _COUNT_OF_FIRST).match(buffer, start)

    @staticmethod
    def _add(message: bytes, framed: Framed, *, cut: bool) -> None:
        message = message.rstrip(TRAILER)
        if not message:
            return
        if cut:
            framed.truncated.append(len(framed.messages))
        framed.messages.append(message)


def _line_end(data: bytes, start: int) -> int | None:
    """Return where the first newline or NUL is; None when there is none."""
    newline = data.find(b"\n", start)
    nul = data.find(b"\0", start, newline if newline >= 0 else len(data))
    end = nul if nul >= 0 else newline
    return end if end >= 0 else None
