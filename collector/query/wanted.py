"""What a test asks of an index: of a dictionary's texts, of addresses, of numbers.

Everything here only narrows: an answer is (surely, perhaps), and where a test cannot be said in the terms of a column,
every present value is a perhaps.
"""

import string
from typing import Final

from collector.query.plan import (
    AddressPrefix,
    Between,
    Compare,
    Equals,
    HasLike,
    HasWords,
    InNetwork,
    Like,
    LocalPart,
    Present,
    StartsWith,
    Test,
)
from collector.query.values import text_test
from collector.view import MULTI_VALUED, SEPARATOR, Wanted, Word
from collector.words import words_of

#: What the index's words consist of; texts of tests are case-folded.
_LETTERS: Final = frozenset(string.ascii_lowercase + string.digits)


def wanted(field: str, test: Test) -> Wanted:
    """Return what a test asks of the texts of a field's dictionary."""
    passes = text_test(test)
    words = words_in(test)
    if field in MULTI_VALUED:
        return Wanted((test, "any"), lambda joined: any(map(passes, joined.split(SEPARATOR))), None, words)
    return Wanted(test, passes, test.text if isinstance(test, Equals) else None, words)


def words_in(test: Test) -> tuple[Word, ...]:
    """Return words that every text has that passes."""
    match test:
        case Equals(text) | LocalPart(text):
            return _pieces((text,))
        case HasWords(text, open_end):
            return _pieces((text, "") if open_end else (text,))
        case StartsWith(text) | AddressPrefix(text):
            return _pieces((text, ""))
        case Like(pieces) | HasLike(pieces):
            return _pieces(pieces)
        case Present() | Compare() | Between() | InNetwork():
            return ()


def _pieces(pieces: tuple[str, ...]) -> tuple[Word, ...]:
    """Return the words of pieces with anything between them: at such a place a word may be but a part of one."""
    found: dict[Word, None] = {}
    last = len(pieces) - 1
    for place, piece in enumerate(pieces):
        for word in _bounded(piece, cut_before=place > 0, cut_after=place < last):
            found[word] = None
    return tuple(found)


def _bounded(piece: str, *, cut_before: bool, cut_after: bool) -> list[Word]:
    runs = "".join(character if _in_word(character) else " " for character in piece).split()
    ends_open = cut_after and bool(piece) and _in_word(piece[-1])
    words = [Word(words_of(run)[0], ends_open and place == len(runs) - 1) for place, run in enumerate(runs)]
    return words[1:] if cut_before and runs and _in_word(piece[0]) else words


def _in_word(character: str) -> bool:
    return character in _LETTERS
