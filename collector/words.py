"""The words of a text as the index knows them: runs of ASCII letters and digits, case-folded.

What a text consists of beyond that (other scripts, signs) is left to the test of the text itself: words only narrow.
"""

import re
from typing import Final
from zlib import crc32

#: A longer word is cut, in the index and in questions alike.
WORD_CHARS_MAX: Final = 32

_WORD: Final = re.compile(r"[0-9a-z]+")


def words_of(folded: str) -> list[str]:
    """Return the distinct words of a case-folded text, in order of their first appearance."""
    return list(dict.fromkeys(word[:WORD_CHARS_MAX] for word in _WORD.findall(folded)))


def checksum(folded: str) -> int:
    """Return the checksum of a case-folded text that hashed columns hold: 24 bits, never 0."""
    return crc32(folded.encode("utf-8", "surrogatepass")) % 0xFFFFFF + 1
