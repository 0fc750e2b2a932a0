"""Finds the codes whose texts pass a test, reading as little of a dictionary as the question allows.

A dictionary only grows: what was found among its first codes stays right, and only the new ones are looked at.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from collector.index.dictionary import Kept
from collector.index.folding import folded_checksum
from collector.view import SEPARATOR, Passing, Wanted, Word
from collector.words import WORD_CHARS_MAX

#: So few codes are rather looked at one by one than found by their words.
_FEW: Final = 256


class Texts(Protocol):
    """A dictionary as it is read."""

    size: int
    multi_valued: bool

    def at(self, codes: Iterable[int]) -> Iterator[tuple[int, Kept]]:
        """Yield (code, its text or digest) of ascending codes."""
        ...

    def texts(self, first: int) -> Iterator[tuple[int, Sequence[Kept]]]:
        """Yield (code of the first, texts) page by page, from the code ``first`` to the end."""
        ...

    def codes_of_checksum(self, checksum: int, first: int) -> Iterable[int]:
        """Return the codes from ``first`` whose case-folded text has this checksum, ascending."""
        ...

    def codes_of_words(self, match: str, first: int) -> Iterable[int]:
        """Return the codes from ``first`` whose words satisfy an FTS5 expression, ascending."""
        ...


class Found(NamedTuple):
    """Which of the codes up to ``size`` pass."""

    size: int
    passing: Passing


NOTHING: Final = Found(0, Passing(np.zeros(0, np.int64), np.zeros(0, np.int64)))


def find_passing(texts: Texts, wanted: Wanted, known: Found = NOTHING) -> Found:
    """Return which codes pass, going on from what is ``known``."""
    if known.size >= texts.size:
        return known
    lower: list[int] = []
    upper: list[int] = []
    for code, text in _candidates(texts, wanted, known.size + 1):
        if isinstance(text, bytes):
            upper.append(code)
        elif _passes(text, wanted, multi_valued=texts.multi_valued):
            lower.append(code)
            upper.append(code)
    return Found(texts.size, Passing(_joined(known.passing.lower, lower), _joined(known.passing.upper, upper)))


def _candidates(texts: Texts, wanted: Wanted, first: int) -> Iterator[tuple[int, Kept]]:
    if wanted.whole is not None and not texts.multi_valued:
        codes = texts.codes_of_checksum(folded_checksum(wanted.whole), first)
    elif wanted.words and texts.size - first >= _FEW:
        codes = texts.codes_of_words(match_expression(wanted.words), first)
    else:
        for begin, page in texts.texts(first):
            yield from enumerate(page, begin)
        return
    yield from texts.at(codes)


def match_expression(words: Sequence[Word]) -> str:
    """Return the FTS5 expression that asks for all of the words (https://sqlite.org/fts5.html, section 3)."""
    return " AND ".join(f'"{word.text[:WORD_CHARS_MAX]}"{"*" if word.open_end else ""}' for word in words)


def _passes(text: str, wanted: Wanted, *, multi_valued: bool) -> bool:
    if not multi_valued:
        return wanted.passes(text)
    return any(map(wanted.passes, text.split(SEPARATOR)))


def _joined(known: NDArray[np.int64], codes: list[int]) -> NDArray[np.int64]:
    joined = np.concatenate((known, np.array(codes, np.int64))) if codes else known
    joined.flags.writeable = False
    return joined
