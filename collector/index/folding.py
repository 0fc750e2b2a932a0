"""Many texts folded, summed up and prepared for the words' index at once: as one text, as far as they allow it.

The words' index (FTS5, tokenizer ``ascii``) takes runs of ASCII letters, digits *and* of everything beyond ASCII for
words; what it is given here is such that its words are those of :func:`collector.words.words_of`.
"""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

from collector.words import WORD_CHARS_MAX, words_of

_JOINT: Final = "\0"
_IN_WORD: Final = b"0123456789abcdefghijklmnopqrstuvwxyz"
_WORDS_ONLY: Final = bytes(code if code in _IN_WORD or not code else 0x20 for code in range(256))
_ALIKE: Final = bytes(0x61 if code in _IN_WORD else 0x20 for code in range(256))
_TOO_LONG: Final = b"a" * (WORD_CHARS_MAX + 1)


def folded_checksum(folded: str) -> int:
    """Return the checksum by which a page finds a case-folded text."""
    return crc32(folded.encode("utf-8", "surrogatepass"))


def folded_texts(texts: Sequence[str]) -> list[str]:
    """Return each text case-folded."""
    pieces = _JOINT.join(texts).casefold().split(_JOINT)
    return pieces if len(pieces) == len(texts) else [text.casefold() for text in texts]


def text_checksums(folded: Sequence[str]) -> list[int]:
    """Return :func:`folded_checksum` of each text."""
    pieces = _JOINT.join(folded).encode("utf-8", "surrogatepass").split(b"\0")
    return list(map(crc32, pieces)) if len(pieces) == len(folded) else list(map(folded_checksum, folded))


def indexed_words(folded: Sequence[str]) -> list[str]:
    """Return a text with the words of each case-folded text."""
    # Whatever is beyond ASCII becomes a question mark, which is no part of a word.
    joined = _JOINT.join(folded).encode("ascii", "replace").translate(_WORDS_ONLY)
    pieces = joined.decode("ascii").split(_JOINT)
    if len(pieces) != len(folded) or _TOO_LONG in joined.translate(_ALIKE):
        return [" ".join(words_of(text)) for text in folded]
    return pieces
