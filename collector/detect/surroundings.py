"""What rules are read against: the profiles that there are, the aliases of their fields, and the lists of placeholders.

A rule for the product ``watchbook``, or for none, names our own fields.  Any other log source must be one that a
profile serves; the rule's fields are then those of that product's records, and aliases say where they lie.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from collector.detect.aliases import AliasMap, read_aliases, with_keywords
from collector.detect.encoded import digest
from collector.detect.expression import Atom, Equals, Expression, all_of, any_of
from collector.detect.fields import KEYWORD_FIELDS, group_complaint
from collector.detect.logsources import LogSource, Profile, read_profiles
from watchbook.configfile import ConfigError, Problem
from watchbook.event import CATEGORIES
from watchbook.shipped import shipped_folder

#: Rules are written for the normalised events, whatever wrote them.
PRODUCT: Final = "watchbook"


class Route(NamedTuple):
    """Some profiles whose records have the same names for their fields."""

    profiles: tuple[str, ...]
    aliases: AliasMap


class CannotMatchError(Exception):
    """No event here can ever match a rule; the text says why."""


@dataclass(frozen=True)
class Surroundings:
    """Profiles, alias maps (the first that names a field counts) and lists by name."""

    profiles: Sequence[Profile] = ()
    maps: Sequence[AliasMap] = ()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """What names the profiles and aliases: rules that were compiled against others are compiled anew."""
        told = [[_plain(profile) for profile in self.profiles], [_plain_map(each) for each in self.maps]]
        return digest(told)

    @cached_property
    def lists_digest(self) -> str:
        """What names the lists; only rules with placeholders depend on them."""
        return digest(sorted((name, list(values)) for name, values in self.lists.items()))

    def is_own(self, source: LogSource) -> bool:
        """Return whether a rule with this log source names our own fields."""
        if source.product is not None:
            return source.product == PRODUCT
        if source.category in CATEGORIES or source.category is None:
            return source.service is None or source.category is not None or self._is_profile(source.service)
        return False

    def routes(self, source: LogSource) -> list[Route]:
        """Return the profiles that serve a log source, by the aliases of their fields; raises CannotMatchError."""
        served: dict[int, tuple[AliasMap, list[str]]] = {}
        for name, (sources, aliases) in self._served.items():
            if any(source.takes(each) for each in sources):
                served.setdefault(id(aliases), (aliases, []))[1].append(name)
        if not served:
            raise CannotMatchError(f"can never match here: no profile has the log source {{{source}}}")
        return [Route(tuple(names), aliases) for aliases, names in served.values()]

    def bound(
        self, expression: Expression, source: LogSource, used: dict[str, tuple[str, ...]]
    ) -> tuple[Expression, list[Route]]:
        """Return a condition as one over our events and those of its log source; raises CannotMatchError.

        ``used`` is told where the fields of another product lie.
        """
        if self.is_own(source):
            route = (("category", source.category), ("origin.profile", source.service))
            atoms = [Atom(name, Equals(frozenset({text}))) for name, text in route if text is not None]
            return all_of([*atoms, with_keywords(expression, KEYWORD_FIELDS)]), []
        routes = self.routes(source)
        return any_of([_of_route(expression, route, used) for route in routes]), routes

    def knows(self, name: str) -> bool:
        """Return whether a name is that of a raw field of any product."""
        return any(name in each.fields for each in self.maps)

    def own_field(self, name: str, source: LogSource) -> str:
        """Return the field of ours by which the events of a log source are grouped where a rule names a raw field."""
        if group_complaint(name) is None or self.is_own(source):
            return name
        try:
            aliases = self.routes(source)[0].aliases
        except CannotMatchError:
            return name
        return next((field for field in aliases.places_of(name).fields if group_complaint(field) is None), name)

    def unknown_service(self, source: LogSource) -> Iterator[str]:
        """Yield what is to be said of a rule for our own fields that asks for a profile which is not known."""
        if source.service is not None and source.service not in self._names:
            close = difflib.get_close_matches(source.service, self._names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "give those of your own in 'detect.profiles'"
            yield f"no profile is called {source.service!r}; {hint}"

    def _is_profile(self, name: str) -> bool:
        return name in self._names or not any(
            each.service == name for profile in self.profiles for each in profile.sources
        )

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(profile.name.lower() for profile in self.profiles)

    @cached_property
    def _served(self) -> dict[str, tuple[tuple[LogSource, ...], AliasMap]]:
        """By profile: the log sources it serves, and its aliases; profiles with equal aliases have the same object."""
        together: dict[tuple[int, ...], AliasMap] = {}
        served = {}
        for profile in self.profiles:
            applying = [each for each in self.maps if _applies(each, profile)]
            key = tuple(map(id, applying))
            if key not in together:
                together[key] = _joined(applying)
            more = [source for each in applying for source in each.serves]
            served[profile.name] = ((*profile.sources, *more), together[key])
        return served


def _of_route(expression: Expression, route: Route, used: dict[str, tuple[str, ...]]) -> Expression:
    profiles = frozenset(map(str.lower, route.profiles))
    return all_of([Atom("origin.profile", Equals(profiles)), route.aliases.applied(expression, used)])


def read_surroundings(
    profiles: Iterable[Path] = (), aliases: Iterable[Path] = (), lists: Mapping[str, tuple[str, ...]] | None = None
) -> Surroundings:
    """Return the shipped profiles and aliases with one's own beside them; raises ConfigError.

    ``lists``: values by the name of the placeholder; a value ``@/path`` stands for the lines of a file.
    """
    config = shipped_folder("config")
    shipped = [config / "aliases"] if (config / "aliases").is_dir() else []
    problems: list[Problem] = []
    steps: list[Callable[[], Any]] = [
        lambda: read_profiles([config / "profiles", *profiles]),
        lambda: read_aliases([*shipped, *aliases]),
        lambda: {name: tuple(_values(name, values)) for name, values in (lists or {}).items()},
    ]
    read: list[Any] = []
    for step in steps:
        try:
            read.append(step())
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return Surroundings(*read)


def _values(name: str, values: Iterable[str]) -> Iterable[str]:
    for value in values:
        if not value.startswith("@/"):
            yield value
            continue
        path = Path(value[1:])
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            text = f"the list {name!r} ('detect.lists') cannot be read: {error}"
            raise ConfigError([Problem(str(path), 1, 1, text)]) from error
        yield from (line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


def _applies(aliases: AliasMap, profile: Profile) -> bool:
    if profile.name in aliases.profiles:
        return True
    return any(aliases.source) and any(aliases.source.takes(source) for source in profile.sources)


def _joined(maps: Sequence[AliasMap]) -> AliasMap:
    if len(maps) == 1:
        return maps[0]
    fields: dict[str, Any] = {}
    for each in reversed(maps):
        fields |= each.fields
    keywords = dict.fromkeys(name for each in maps for name in each.keywords) or dict.fromkeys(KEYWORD_FIELDS)
    rest = tuple(root for each in maps for root in each.rest)
    return AliasMap(LogSource(), fields=fields, keywords=tuple(keywords), rest=rest)


def _plain(profile: Profile) -> list[Any]:
    return [profile.name, [list(source) for source in profile.sources]]


def _plain_map(each: AliasMap) -> list[Any]:
    fields = sorted((name, list(alias.fields), list(alias.values)) for name, alias in each.fields.items())
    serves = [list(source) for source in each.serves]
    return [list(each.source), list(each.profiles), serves, fields, list(each.keywords), list(each.rest)]
