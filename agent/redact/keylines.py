"""Private keys that a program printed over many lines, of which the agent makes many records."""

import re
from collections.abc import Sequence
from typing import Final

from agent.records import REDACTED

_BEGINS: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|---- BEGIN SSH2 ENCR|Private-Lines: \d")
_ENDS: Final = re.compile(rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY|---- END SSH2 ENCR|Private-(?:MAC|Hash): ")
_MATERIAL: Final = re.compile(
    rb"(?<![A-Za-z0-9+/=.-])(?:(?:[A-Za-z0-9+/]|\\/){16,160}={0,2}|(?:[A-Za-z0-9+/]|\\/){2,160}={1,2})(?![A-Za-z0-9+/=.:-])"
)
_ONLY_MATERIAL: Final = re.compile(rb"\s*[A-Za-z0-9+/]{1,80}={0,2}\s*")
#: Most lines of a key, and how many lines in a row may be of something else.
_LINES_MAX: Final = 200
_OTHERS_MAX: Final = 3


class KeyLines:
    """Follows a key from its first line to its last, and over the end of what is read in one go.

    ``material`` are the texts that are parts of a key in the lines last followed: :meth:`redact` takes them out.
    """

    def __init__(self) -> None:
        self._left = 0
        self._others = 0
        self.material: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether the lines to come may belong to a key."""
        return self._left > 0

    def follow(self, lines: Sequence[bytes], suspected: list[int]) -> list[int]:
        """Return the suspected places and those of the lines of keys, in order."""
        self.material = set()
        if not self.is_open and not any(_BEGINS.search(lines[place]) for place in suspected):
            return suspected
        found = set(suspected)
        for place, line in enumerate(lines):
            if self._left > 0 and self._takes(line):
                found.add(place)
            if _last_of(_BEGINS, line) > _last_of(_ENDS, line):
                self._left, self._others = _LINES_MAX, 0
        return sorted(found)

    def _takes(self, line: bytes) -> bool:
        """Note what a line has of the key; return whether it has any."""
        self._left -= 1
        if _ENDS.search(line):
            self._left = 0
        words = [line.strip()] if _ONLY_MATERIAL.fullmatch(line) else _MATERIAL.findall(line)
        if not words:
            self._others += 1
            if self._others >= _OTHERS_MAX:
                self._left = 0
            return False
        self._others = 0
        word = max(words, key=len).decode("ascii")
        if len(word) > 1:
            self.material |= {word, word.replace("\\/", "/")}
        return True

    def redact(self, text: str) -> str:
        """Return a text without the parts of keys."""
        for word in sorted(self.material, key=len, reverse=True):
            if word in text:
                text = re.sub(rf"(?<![A-Za-z0-9+/=]){re.escape(word)}(?![A-Za-z0-9+/=])", REDACTED, text)
        return text


def _last_of(pattern: re.Pattern[bytes], line: bytes) -> int:
    return max((found.start() for found in pattern.finditer(line)), default=-1)
