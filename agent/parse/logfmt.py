r"""logfmt: ``time=2026-11-21T14:05:09Z level=info msg="invoice sent" user=alice retry``.

Values stay texts.  A quoted one may hold ``\"``, ``\\``, ``\n``, ``\r``, ``\t``, ``\b``, ``\f``, ``\/``, ``\uXXXX`` and
``\xHH``; any other backslash is kept.  A key without ``=`` is ``true``; a key that comes twice holds a list.  A line
must begin with ``KEY=``: many logs that are no logfmt have assignments further on.
"""

import re
from typing import Any, Final

from agent.parse.assignments import Assignments, add_value
from agent.parse.format import text_format

_FIRST: Final = re.compile(r"\s*[A-Za-z0-9_@][^\s=\"']*+=")
#: A key and what follows it: a quoted text that ends before a space, or anything up to the next space.
_ASSIGNMENT: Final = re.compile(r'([^\s=]++)(?:=(?:"((?:[^"\\]|\\.)*+)"(?=\s|$)|(\S*+)))?', re.DOTALL)
_STRAY: Final = re.compile(r"\s+|=+")
_ESCAPE: Final = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))')
_PAIR: Final = re.compile(r"\\u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})")
_ESCAPED: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

_read_assignments: Final = Assignments().read


def read(text: str) -> dict[str, Any]:
    """Return the values of a line; raises ValueError with the reason."""
    values = _read_assignments(text)
    if values is None or not text[:1].isalnum():
        return _read_parts(text)
    return values


def _read_parts(text: str) -> dict[str, Any]:
    if not _FIRST.match(text):
        raise ValueError("is not logfmt: expected 'key=value' at its start")
    values: dict[str, Any] = {}
    place = 0
    while place < len(text):
        found = _ASSIGNMENT.match(text, place)
        if found is None:  # white space, or a '=' without a key
            stray = _STRAY.match(text, place)
            assert stray is not None
            if stray[0][0] == "=":
                raise ValueError(f"is not logfmt: expected a key before the '=' at character {place + 1}")
            place = stray.end()
            continue
        key, quoted, plain = found.groups()
        add_value(values, key, True if quoted is plain is None else plain if quoted is None else unescape(quoted))
        place = found.end()
    return values


def unescape(text: str) -> str:
    """Return a quoted text with its escapes taken back."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_plain, _PAIR.sub(_character, text))


def _character(pair: re.Match[str]) -> str:
    high, low = int(pair[1], 16), int(pair[2], 16)
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _plain(found: re.Match[str]) -> str:
    if found[1] is not None:
        return _ESCAPED[found[1]]
    code = int(found[2] or found[3], 16)
    return found[0] if 0xD800 <= code < 0xE000 else chr(code)  # half a pair is no character


LOGFMT: Final = text_format("logfmt", None, read)
