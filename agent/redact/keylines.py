"""Private keys that a program printed over many lines, of which the agent makes many records."""

import re
from collections.abc import Sequence
from typing import Final

from agent.redact.rule import REDACTED

_BEGINS: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|---- BEGIN SSH2 ENCR|Private-Lines: \d")
_ENDS: Final = re.compile(rb"-----END [A-Z0-9 ]*PRIVATE KEY|---- END SSH2 ENCR|Private-(?:MAC|Hash): ")
_BODY: Final = re.compile(rb"(?:^|[\s\"':=])[A-Za-z0-9+/]{16,80}={0,2}(?:\\r|\\n|[\s\"'}]|$)|={1,2}(?:\\r|\\n|[\s\"'}]|$)")
_TEXT_BEGINS: Final = re.compile(_BEGINS.pattern.decode())
_TEXT_ENDS: Final = re.compile(_ENDS.pattern.decode())
_BODY_IN_TEXT: Final = re.compile(r"(?m)(?:^|(?<=[\s\"':=]))(?:[A-Za-z0-9+/]{16,80}={0,2}|[A-Za-z0-9+/]{1,80}={1,2})(?=\\r|\\n|[\s\"'}]|$)")
_ONLY_BODY: Final = re.compile(r"\s*[A-Za-z0-9+/]{1,80}={0,2}\s*")
#: Most lines of a key, and how many lines in a row may be of something else.
_LINES_MAX: Final = 200
_OTHERS_MAX: Final = 3


class KeyLines:
    """Follows a key from its first line to its last, and over the end of what is read in one go.

    :meth:`follow` looks ahead at which lines are a key's; ``is_open`` says that one goes on.  :meth:`redact` takes the
    lines out one after the other; ``is_inside`` says that the text to come may be one of them.
    """

    def __init__(self) -> None:
        self._left = 0
        self._others = 0
        self._texts_left = 0

    @property
    def is_open(self) -> bool:
        """Whether the lines to come belong to a key."""
        return self._left > 0

    @property
    def is_inside(self) -> bool:
        """Whether the text to come may be a line of a key."""
        return self._texts_left > 0

    def follow(self, lines: Sequence[bytes], suspected: list[int]) -> list[int]:
        """Return the suspected places and those of the lines of keys, in order."""
        if not self.is_open and not any(_BEGINS.search(lines[place]) for place in suspected):
            return suspected
        found = set(suspected)
        for place, line in enumerate(lines):
            if self._left > 0:
                self._one_more(line)
                found.add(place)
                if self._left <= 0:
                    self._texts_left = max(self._texts_left, 1)
            if _last_of(_BEGINS, line) > _last_of(_ENDS, line):
                self._left, self._others, self._texts_left = _LINES_MAX, 0, _LINES_MAX * 64
        return sorted(found)

    def _one_more(self, line: bytes) -> None:
        self._left -= 1
        if _ENDS.search(line):
            self._left = 0
        elif _BODY.search(line) or _ONLY_BODY.fullmatch(line.decode("latin-1")):
            self._others = 0
        else:
            self._others += 1
            if self._others >= _OTHERS_MAX:
                self._left = 0

    def redact(self, text: str) -> str:
        """Return a text with the lines of a key in it replaced; the end of the key ends it."""
        self._texts_left -= 1
        ends = _TEXT_ENDS.search(text)
        if ends is not None and _TEXT_BEGINS.search(text) is None:
            self._texts_left = 0 if self._left <= 0 else self._texts_left
            return _BODY_IN_TEXT.sub(REDACTED, text[: ends.start()]) + text[ends.start() :]
        if _TEXT_BEGINS.search(text) is not None:
            return text  # the rule for whole keys takes it
        return REDACTED if text.strip() and _ONLY_BODY.fullmatch(text) and _looks_like_body(text) else _BODY_IN_TEXT.sub(REDACTED, text)


def _looks_like_body(text: str) -> bool:
    bare = text.strip()
    return len(bare) >= 16 or bare.endswith("=") or bool(re.search(r"[A-Z].*[a-z]|\d", bare))


def _last_of(pattern: re.Pattern[bytes], line: bytes) -> int:
    return max((found.start() for found in pattern.finditer(line)), default=-1)
