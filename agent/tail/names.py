"""Which names a log gets when it is rotated.  Pure.

Known forms, for a live file ``app.log``: ``app.log.1``, ``app.log-20261121``, ``app.log.2026-11-21``, ``app.log.old``,
``app-2026-11-21.log``, ``app.1.log``; and each of them compressed: ``app.log.1.gz``.
"""

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import PurePath

from agent.tail.packed import is_packed

_STAMP = r"\d[\d._:T-]*"
_SUFFIX = re.compile(rf"(?P<live>.+?)[._-](?:{_STAMP}|old|bak)", re.DOTALL)
_INFIX = re.compile(rf"(?P<stem>.+?)[._-]{_STAMP}(?P<extension>\.[A-Za-z]+)", re.DOTALL)
#: Compressed in a way that is not read here.
_UNREADABLE = (".lz4", ".Z", ".zip")


@lru_cache(maxsize=8192)
def live_names(name: str) -> frozenset[str]:
    """Return the names that a rotated file may have had while it was written; none for other files."""
    if name.endswith(_UNREADABLE):
        return frozenset()
    if is_packed(name):
        plain = PurePath(name).stem
        return live_names(plain) | {plain}
    found = set()
    if suffixed := _SUFFIX.fullmatch(name):
        found.add(suffixed["live"])
    if infixed := _INFIX.fullmatch(name):
        found.add(infixed["stem"] + infixed["extension"])
    return frozenset(found)


def related(first: str, second: str) -> bool:
    """Return whether one path may be a rotated form of the other, or both of a third: same folder, same live name."""
    one, two = PurePath(first), PurePath(second)
    if one.parent != two.parent:
        return False
    return not ({one.name} | live_names(one.name)).isdisjoint({two.name} | live_names(two.name))


def is_rotated_form(path: str, pattern: str) -> bool:
    """Return whether a path is a rotated form of some file that a glob pattern matches."""
    here = PurePath(path)
    return any(matches(str(here.with_name(name)), pattern) for name in live_names(here.name))


def matches(path: str, pattern: str) -> bool:
    """Return whether a glob pattern matches a path, part by part (``*`` does not cross a ``/``, ``**`` does)."""
    return _match_parts(PurePath(path).parts, PurePath(pattern).parts)


def _match_parts(parts: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_match_parts(parts[skip:], patterns[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _match_parts(parts[1:], patterns[1:])


def packed_mark(pattern: str) -> str:
    """Return what notes that a pattern's compressed files were noted: agents of before could not read any."""
    return f"{pattern}\0compressed"
