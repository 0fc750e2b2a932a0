"""Symbolic links that an input names, and the family of files that each has led to or will lead to.  Pure.

``current.log -> app-2026-11-21.log`` moves on every day.  The file it leads to now says what the others are called:
the same name with other digits, in the same folder, and rotated forms of these; where the name holds no date, rotated
forms of that very name (``0.log.20261121-101112``).
"""

import re
from collections.abc import Mapping
from pathlib import PurePath

from agent.tail.claims import kin_keys
from agent.tail.names import live_names

_DIGITS = re.compile(r"\d+")


class Links:
    """Knows by ``targets`` where the live paths lead that are symbolic links."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._targets = dict(targets)
        self._families: dict[tuple[str, str], str] = {}
        for link, target in self._targets.items():
            here = PurePath(target)
            name = _shape(here.name) if live_names(here.name) else here.name
            self._families.setdefault((str(here.parent), name), link)

    def folders(self) -> set[str]:
        """Return the folders that the links lead into."""
        return {str(PurePath(target).parent) for target in self._targets.values()}

    def leads(self, path: str) -> bool:
        """Return whether a live path is a link."""
        return path in self._targets

    def target(self, path: str) -> str | None:
        """Return the file that a live path leads to, None when it is no link."""
        return self._targets.get(path)

    def keys(self, path: str) -> set[str]:
        """Return the live paths that a path, or what it leads to, may stand for."""
        target = self._targets.get(path)
        return kin_keys(path) if target is None else kin_keys(path) | kin_keys(target)

    def family(self, path: str) -> tuple[str, str] | None:
        """Return the link to whose family a path belongs, and what notes that this family was met; None for others."""
        here = PurePath(path)
        folder, older = str(here.parent), live_names(here.name)
        shapes = {_shape(name) for name in {*older, here.name}} if older else set()
        for name in {*older, *shapes}:
            link = self._families.get((folder, name))
            if link is not None and path not in (link, self._targets[link]):
                return link, _mark(link, folder, name)
        return None

    def marks(self) -> set[str]:
        """Return what notes that these families were met."""
        return {_mark(link, folder, name) for (folder, name), link in self._families.items()}


def _shape(name: str) -> str:
    """Return a name without what changes from day to day; no real name looks like it."""
    return _DIGITS.sub("\0", name)


def _mark(link: str, folder: str, name: str) -> str:
    return f"{link}\0{folder}/{name}"
