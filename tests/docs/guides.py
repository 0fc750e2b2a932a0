"""Worked examples of the pages: blocks ``<!-- guide -->`` of commands after ``$ ``, each with what it prints.

A line ``…`` stands for any lines, ``…`` within a line for any text; how wide gaps are does not count.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

ANYTHING: Final = "…"


def steps(body: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a block and the lines that it prints."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, said = part.partition("\n")
        yield command, said.splitlines()


def fits(said: Sequence[str], expected: Sequence[str]) -> bool:
    """Return whether lines are as expected."""
    if not expected:
        return not said
    if expected[0] == ANYTHING:
        return any(fits(said[place:], expected[1:]) for place in range(len(said) + 1))
    return bool(said) and _line_fits(said[0], expected[0]) and fits(said[1:], expected[1:])


def _line_fits(said: str, expected: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in " ".join(expected.split()).split(ANYTHING))
    return re.fullmatch(pattern, " ".join(said.split())) is not None
