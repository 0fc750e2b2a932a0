"""Finding the entries of a name among all catalogues."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from watchbook.catalogue.model import KINDS, Catalogue, Entry, Group

_BETWEEN_WORDS: Final = re.compile(r"[^a-z0-9*]+")
_INNER_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def name_key(name: str) -> str:
    """Return what is equal for all spellings of a name: ``Asset created``, ``ASSET_CREATED``, ``assetCreated``."""
    return _BETWEEN_WORDS.sub("_", _INNER_CAPITAL.sub("_", name).lower()).strip("_")


class Match(NamedTuple):
    """A name found: in which catalogue, which entry or group it is; ``by_alias``: it is not the proper name."""

    catalogue: str
    meant: Entry | Group
    by_alias: bool


class Catalogues:
    """All catalogues, and which entries a value of an event field may be."""

    def __init__(self, catalogues: Iterable[Catalogue]) -> None:
        self.all: Sequence[Catalogue] = tuple(catalogues)
        self._exact: dict[tuple[str, str], list[Match]] = {}
        self._beginnings: dict[str, list[tuple[str, Match]]] = {}
        for catalogue in self.all:
            for listing in catalogue.lists:
                for group in listing.groups:
                    for field in listing.groups_in:
                        self._note(field, catalogue.name, group)
                    for entry in group.entries:
                        self._note(KINDS[listing.kind], catalogue.name, entry)

    @property
    def fields(self) -> tuple[str, ...]:
        """The event fields that hold names of catalogues."""
        return tuple(dict.fromkeys([field for field, _ in self._exact] + list(self._beginnings)))

    def find(self, field: str, value: str) -> list[Match]:
        """Return what a value of an event field may be: proper names first, then aliases, then beginnings."""
        key = name_key(value)
        exact = self._exact.get((field, key), [])
        begun = [match for beginning, match in self._beginnings.get(field, []) if key.startswith(beginning)]
        return sorted(exact, key=lambda match: match.by_alias) + begun

    def hidden(self) -> Iterator[str]:
        """Yield the names of event types that a page leaves out at first, with their aliases, each once."""
        names = (
            name
            for catalogue in self.all
            for entry in catalogue.entries
            if entry.hidden and KINDS[entry.kind] == "event_type"
            for name in (entry.name, *entry.aliases)
        )
        yield from dict.fromkeys(names)

    def _note(self, field: str, catalogue: str, meant: Entry | Group) -> None:
        canonical = meant.canonical if isinstance(meant, Entry) else None
        proper = {name_key(name) for name in (meant.name, canonical) if name is not None}
        for key in [*proper, *(key for key in dict.fromkeys(map(name_key, meant.aliases)) if key not in proper)]:
            match = Match(catalogue, meant, key not in proper)
            if key.endswith("*"):
                self._beginnings.setdefault(field, []).append((key.rstrip("*"), match))
            else:
                self._exact.setdefault((field, key), []).append(match)
