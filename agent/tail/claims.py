"""Looks up files by identity and tracks by kinship of names, so that 5,000 files cost no 25 million comparisons."""

from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import PurePath

from agent.tail.listing import Found
from agent.tail.names import live_names
from agent.tail.track import Track


class Claims:
    """Which of the files found belong to a track already."""

    def __init__(self, files: Iterable[Found]) -> None:
        self._by_identity: dict[tuple[int, int], list[Found]] = {}
        for found in files:
            self._by_identity.setdefault(found.identity, []).append(found)
        self._claimed: set[tuple[int, int]] = set()

    def at(self, track: Track, live: Container[str]) -> Found | None:
        """Return the unclaimed file with a track's identity, under a live name if it has one, best the track's own."""
        names = self._by_identity.get(track.identity)
        if not names or track.identity in self._claimed:
            return None
        named = [found for found in names if found.path in live] or names
        return next((found for found in named if found.path == track.path), named[0])

    def claim(self, found: Found) -> None:
        """Note that a file belongs to a track now."""
        self._claimed.add(found.identity)

    def has(self, found: Found) -> bool:
        """Return whether a file, under this name or another, belongs to a track."""
        return found.identity in self._claimed

    def unclaimed(self) -> Iterator[Found]:
        """Yield the files that no track claims, each under all of its names; claims made meanwhile count."""
        for identity, names in self._by_identity.items():
            for found in names:
                if identity not in self._claimed:
                    yield found


class Kin:
    """Tracks by folder and live name (``keys``): those whose files may be rotated forms of one another."""

    def __init__(self, tracks: Iterable[Track], keys: Callable[[str], set[str]]) -> None:
        self._keys = keys
        self._by_key: dict[str, list[Track]] = {}
        for track in tracks:
            self.add(track)

    def add(self, track: Track) -> None:
        """Take in one more track."""
        for key in self._keys(track.path):
            self._by_key.setdefault(key, []).append(track)

    def of(self, path: str) -> Iterator[Track]:
        """Yield the tracks that a path may be a copy of, each once."""
        seen: set[int] = set()
        for key in self._keys(path):
            for track in self._by_key.get(key, ()):
                if track.id not in seen:
                    seen.add(track.id)
                    yield track


def kin_keys(path: str) -> set[str]:
    """Return the live paths that a path may stand for: itself, and what it was rotated from."""
    here = PurePath(path)
    return {path, *(str(here.with_name(name)) for name in live_names(here.name))}
