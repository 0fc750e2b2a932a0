"""A catalogue as values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["event_type", "resource_type", "action", "outcome", "object"]

#: What a list is of -> the field of an event that holds such a name.
KINDS: Final[Mapping[Kind, str]] = {
    "event_type": "event_type",
    "resource_type": "resource.type",
    "action": "event_type",
    "outcome": "outcome",
    "object": "resource.type",
}


@dataclass(frozen=True)
class Entry:
    """One name of a list, and what it says of an event as far as it says it.

    ``name`` may end in ``*``: it then stands for every name that begins so.  ``applies_to`` are the resource types
    that an action is for, empty for any.  ``canonical`` is what the shipped profile makes of a name that it does not
    leave as it is.
    """

    kind: Kind
    group: str
    name: str
    description: str | None = None
    action: str | None = None
    category: str | None = None
    outcome: str | None = None
    reason: str | None = None
    canonical: str | None = None
    hidden: bool = False
    aliases: tuple[str, ...] = ()
    applies_to: tuple[str, ...] = ()

    @property
    def is_wildcard(self) -> bool:
        """Whether the name stands for all that begin so."""
        return self.name.endswith("*")


@dataclass(frozen=True)
class Group:
    """Entries that belong together, under the name that the source gives them."""

    kind: Kind
    name: str
    description: str | None
    aliases: tuple[str, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Listing:
    """All names of a kind; ``groups_in`` are the event fields where the name of a group stands."""

    kind: Kind
    groups: tuple[Group, ...]
    groups_in: tuple[str, ...] = ()

    @property
    def entries(self) -> Iterator[Entry]:
        """All entries, in the order of the file."""
        for group in self.groups:
            yield from group.entries


@dataclass(frozen=True)
class Catalogue:
    """What a source's events are called; ``path`` is the file it stands in."""

    name: str
    title: str
    description: str
    profiles: tuple[str, ...]
    lists: tuple[Listing, ...]
    path: str

    @property
    def entries(self) -> Iterator[Entry]:
        """All entries of all lists."""
        for listing in self.lists:
            yield from listing.entries

    def listing(self, kind: Kind) -> Listing:
        """Return the list of a kind, an empty one when there is none."""
        return next((each for each in self.lists if each.kind == kind), Listing(kind, ()))
