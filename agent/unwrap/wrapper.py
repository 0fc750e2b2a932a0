"""What a wrapper is."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from agent.records import Piece


class Wrapped(NamedTuple):
    """What a wrapped line holds: the text, and what the wrapper says of it.

    ``time`` is as it is written, empty when the wrapper has none; ``more`` what else stands beside it.
    """

    piece: Piece
    time: str
    more: Mapping[str, Any]


class Wrapper(NamedTuple):
    """A way to take lines out of a container's log; ``open`` raises ValueError with the reason for any other line."""

    name: str
    open: Callable[[bytes], Wrapped]

    def peel(self, line: bytes) -> Piece | None:
        """Return the piece that a line holds; None for a line that is not wrapped."""
        try:
            return self.open(line).piece
        except ValueError:
            return None
