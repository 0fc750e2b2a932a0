"""Where values stand in a decoded line: from the paths of a profile to the keys that lines really have.

With loose keys ``Old Value``, ``oldValue`` and ``OLD-VALUE`` all stand for ``old_value``; within objects keys are
exact.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

_LOOSE = re.compile(r"[^a-z0-9]+")


class Value(NamedTuple):
    """A value that lines may have: its top-level key, the keys below it, and the path that asked for it."""

    key: str
    below: tuple[str, ...]


class Keys:
    """The keys that a profile's paths can begin with."""

    def __init__(self, paths: Iterable[str], *, loose: bool) -> None:
        self._loose = loose
        self._firsts = {self._form(part) for path in paths for part in (path, path.split(".", 1)[0])}

    def matters(self, key: str) -> bool:
        """Return whether some path can find a top-level key."""
        return self._form(key) in self._firsts

    def values(self, path: str, keys: Collection[str]) -> list[Value]:
        """Return what a path finds among the keys: the key as it is written in the profile first."""
        first, *below = path.split(".")
        found = [Value(key, ()) for key in self._written(path, keys)]
        if below:
            found += [Value(key, tuple(below)) for key in self._written(first, keys)]
        return found

    def _written(self, name: str, keys: Collection[str]) -> list[str]:
        exact = [name] if name in keys else []
        if not self._loose:
            return exact
        form = self._form(name)
        return exact + sorted(key for key in keys if key != name and self._form(key) == form)

    def _form(self, key: str) -> str:
        return _loose_form(key) if self._loose else key


@lru_cache(maxsize=1024)
def _loose_form(key: str) -> str:
    return _LOOSE.sub("", key.lower()) or key
