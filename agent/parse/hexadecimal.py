"""Texts that the audit system writes in hexadecimal, because they hold spaces, quotes or bytes beyond ASCII.

Without quotes such a text and a word of hexadecimal digits look alike.  So only names that hold such texts are looked
at, and what is no UTF-8, or holds control characters that nobody types, is kept as it is.
"""

import re
from typing import Final

#: Names whose values the kernel or a program encodes.
ENCODED: Final = frozenset(
    {
        "acct", "cmd", "comm", "cwd", "data", "dir", "exe", "file", "grp", "key", "name", "new", "new_group", "ocomm",
        "old", "path", "proctitle", "root_dir", "sw", "vm", "watch", "img-ctx", "invalid_context", "device",
    }
)  # fmt: skip
_CONTROL: Final = re.compile(r"[\x02-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_DIGITS: Final = "0123456789ABCDEF"


def is_encoded(name: str) -> bool:
    """Return whether the values of a name may be in hexadecimal."""
    return name in ENCODED


def is_argument(name: str) -> bool:
    """Return whether a name is that of an argument of an EXECVE record: ``a0``, ``a1[2]``."""
    return name[0] == "a" and name[1:2].isdigit() and name[-4:] != "_len"


def decode_value(name: str, value: str) -> str:
    """Return the text of a value that may be in hexadecimal."""
    return decode_hexadecimal(value, typed=name == "data")


def decode_hexadecimal(value: str, *, typed: bool = False) -> str:
    """Return the text of a value in hexadecimal, NUL (between arguments) as a space; any other value as it is.

    ``typed``: keystrokes, which may be control characters.
    """
    if not value or len(value) & 1 or value.strip(_DIGITS):
        return value
    try:
        text = bytes.fromhex(value).rstrip(b"\0").replace(b"\0", b" ").decode()
    except UnicodeDecodeError:
        return value
    if not text or (not typed and _CONTROL.search(text)):
        return value
    return text.replace("\x01", ", ")  # between the keys of one record
