"""Where values stand in a decoded line: from the paths of a profile to the keys that lines really have.

With loose keys ``Old Value``, ``oldValue`` and ``OLD-VALUE`` all stand for ``old_value``; within objects keys are
exact.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from agent.profile.paths import EVERY, Step, parse_path

_LOOSE = re.compile(r"[^a-z0-9]+")


class Value(NamedTuple):
    """A value that lines may have: its top-level key, and the steps below it."""

    key: str
    below: tuple[Step, ...]

    @property
    def is_plain(self) -> bool:
        """Whether it is reached by keys alone."""
        return all(step.__class__ is str for step in self.below)

    @property
    def is_many(self) -> bool:
        """Whether it stands for all values that are found in lists."""
        return EVERY in self.below


#: Names and sets of keys that are remembered.
_FOUND_MAX = 4096


class Keys:
    """The keys that a profile's paths can begin with."""

    def __init__(self, paths: Iterable[str], *, loose: bool) -> None:
        self._loose = loose
        self._found: dict[tuple[str, ...], str | None] = {}
        self._firsts = {self._form(key) for path in paths for key in _first_keys(path)}

    def matters(self, key: str) -> bool:
        """Return whether some path can find a top-level key."""
        return self._form(key) in self._firsts

    def values(self, path: str, keys: Collection[str]) -> list[Value]:
        """Return what a path finds among the keys: the key as it is written in the profile first."""
        steps, joined = parse_path(path)
        found = [Value(key, steps[joined:]) for key in self._written(".".join(map(str, steps[:joined])), keys)]
        if joined > 1:
            found += [Value(key, steps[1:]) for key in self._written(str(steps[0]), keys)]
        return found

    def find_key(self, line: Collection[str], name: str) -> str | None:
        """Return the key of a line that a name stands for; None when it has none."""
        # Lines of a log have few sets of keys, and conditions ask for the same names of each.
        asked = (name, *line)
        try:
            return self._found[asked]
        except KeyError:
            pass
        if len(self._found) >= _FOUND_MAX:
            self._found.clear()
        found = self._found[asked] = next(iter(self._written(name, line)), None)
        return found

    @property
    def is_loose(self) -> bool:
        """Whether keys may be written in other ways than the profile's."""
        return self._loose

    def first_keys(self, path: str) -> tuple[str, ...]:
        """Return the keys of a line, one of which there must be for a path to lead anywhere; none when it is unsaid."""
        return () if self._loose else _first_keys(path)

    def _written(self, name: str, keys: Collection[str]) -> list[str]:
        exact = [name] if name in keys else []
        if not self._loose:
            return exact
        form = self._form(name)
        return exact + sorted(key for key in keys if key != name and self._form(key) == form)

    def _form(self, key: str) -> str:
        return _loose_form(key) if self._loose else key


def _first_keys(path: str) -> tuple[str, str]:
    steps, joined = parse_path(path)
    return ".".join(map(str, steps[:joined])), str(steps[0])


@lru_cache(maxsize=1024)
def _loose_form(key: str) -> str:
    return _LOOSE.sub("", key.lower()) or key
