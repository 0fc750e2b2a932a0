"""A value as it was written: pieces of text with ``*`` between them."""

from typing import NamedTuple


class Value(NamedTuple):
    """One value of a query.

    ``pieces`` are the texts between the stars: one piece has no star.  Only the first and the last may be empty.
    ``quoted``: all of it was literal.  ``position`` is its offset in the query, None where it came without one.
    """

    pieces: tuple[str, ...]
    position: int | None = None
    quoted: bool = False

    @property
    def text(self) -> str:
        """The value as it was written."""
        return "*".join(self.pieces)

    @property
    def plain(self) -> bool:
        """Whether it has no star."""
        return len(self.pieces) == 1

    @property
    def anything(self) -> bool:
        """Whether it is nothing but a star."""
        return self.pieces == ("", "")

    @property
    def open_end(self) -> bool:
        """Whether its one star stands at the end, behind some text."""
        return len(self.pieces) == 2 and self.pieces[1] == "" != self.pieces[0]

    @property
    def folded(self) -> tuple[str, ...]:
        """The pieces, case-folded."""
        return tuple(piece.casefold() for piece in self.pieces)


def starred(text: str) -> Value:
    """Return the value of a text in which every ``*`` is a star."""
    return Value(joined(text.split("*")))


def joined(pieces: list[str]) -> tuple[str, ...]:
    """Return the pieces without the empty ones within: several stars in a row say no more than one."""
    return (pieces[0], *filter(None, pieces[1:-1]), pieces[-1]) if len(pieces) > 1 else (pieces[0],)
