"""Where the changes of a line stand, by the rules of a profile: what finds them and takes them out of the line.

What is taken are the states that differ, or the members of a list that tell what changed; what is beside them stays.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from agent.profile.definition import ChangesRule, ListRule, StatesRule
from agent.profile.paths import Chain, Found, Step, finder, parse_path, scalar_text, steps_from, take
from agent.profile.states import Place, check_depth, take_changes, take_redacted_changes
from agent.profile.values import Keys
from agent.records import Redactor

Changed = list[dict[str, Any]] | None
Find = Callable[[dict[str, Any]], Found]
#: Lists in which holes were left: they are closed once all that the line tells is taken, so that places hold till then.
Holed = list[list[Any]]


class Changer(Protocol):
    """Finds changes in one way."""

    def take(self, line: dict[str, Any], holed: Holed) -> Changed:
        """Return the changes and take them out of a line; None when it has none.

        Lists that get holes by that are added to ``holed``.
        """
        ...

    def take_redacted(
        self, given: dict[str, Any] | None, line: dict[str, Any], redactor: Redactor, holed: Holed
    ) -> Changed:
        """Return the changes of a redacted line; ``given`` is the line as it was, if that is known."""
        ...


class Changers:
    """Finds changes in the first way that gives any."""

    def __init__(self, changers: Sequence[Changer]) -> None:
        self._changers = tuple(changers)

    def take(self, line: dict[str, Any], holed: Holed) -> Changed:
        """Return the changes and take them out of a line; None when it has none.

        Lists that get holes by that are added to ``holed``.
        """
        for each in self._changers:
            changes = each.take(line, holed)
            if changes:
                return changes
        return None

    def take_redacted(
        self, given: dict[str, Any] | None, line: dict[str, Any], redactor: Redactor, holed: Holed
    ) -> Changed:
        """Return the changes of a redacted line; ``given`` is the line as it was, if that is known."""
        for each in self._changers:
            changes = each.take_redacted(given, line, redactor, holed)
            if changes:
                return changes
        return None


def make_changers(rules: Sequence[ChangesRule], keys: Keys, line_keys: Collection[str]) -> Changers | None:
    """Return what finds the changes of lines with some keys; None when they cannot have any."""
    made = [_made(rule, keys, line_keys) for rule in rules]
    changers = [each for each in made if each is not None]
    return Changers(changers) if changers else None


def _made(rule: ChangesRule, keys: Keys, line_keys: Collection[str]) -> Changer | None:
    def find(path: str | None) -> list[Find]:
        return [] if path is None else [finder(*value) for value in keys.values(path, line_keys)]

    if isinstance(rule, StatesRule):
        before = [each for path in rule.before.paths for each in find(path)]
        after = [each for path in rule.after.paths for each in find(path)]
        return _States(before, after) if before or after else None
    if isinstance(rule, ListRule):
        lists = find(rule.each)
        return _Listed(lists, rule) if lists else None
    field, sides = find(rule.field), (find(rule.old), find(rule.new))
    return _Single(field, *sides, rule.name) if (field or rule.name) and any(sides) else None


class _States:
    """Changes between two states."""

    def __init__(self, before: Sequence[Find], after: Sequence[Find]) -> None:
        self._before = before
        self._after = after

    def take(self, line: dict[str, Any], holed: Holed) -> Changed:
        before, after = self._chains(line)
        changes = take_changes(_place(before), _place(after), holed)
        if changes:
            _prune((before, after), holed)
        return changes

    def take_redacted(
        self, given: dict[str, Any] | None, line: dict[str, Any], redactor: Redactor, holed: Holed
    ) -> Changed:
        before, after = self._chains(line)
        places = (_place(before), _place(after))
        as_given = places if given is None else tuple(map(_place, self._chains(given)))
        changes = take_redacted_changes((as_given[0], as_given[1]), places, redactor, holed)
        if changes:
            _prune((before, after), holed)
        return changes

    def _chains(self, line: dict[str, Any]) -> tuple[Chain, Chain]:
        return _first(self._before, line)[1], _first(self._after, line)[1]


class _Told(ABC):
    """Changes that a line tells as such: what it was before redaction is not needed to find them."""

    def take(self, line: dict[str, Any], holed: Holed) -> Changed:
        return self._taken(line, None, holed)

    def take_redacted(
        self,
        given: dict[str, Any] | None,  # noqa: ARG002
        line: dict[str, Any],
        redactor: Redactor,
        holed: Holed,
    ) -> Changed:
        return self._taken(line, redactor, holed)

    @abstractmethod
    def _taken(self, line: dict[str, Any], redactor: Redactor | None, holed: Holed) -> Changed:
        """Take the changes out of a line, redacted where a redactor is given."""


class _Listed(_Told):
    """Changes that stand in a list of objects, one each."""

    def __init__(self, lists: Sequence[Find], rule: ListRule) -> None:
        self._lists = lists
        self._name = rule.name
        self._field, self._old, self._new = (
            () if path is None else parse_path(path).steps for path in (rule.field, rule.old, rule.new)
        )

    def _taken(self, line: dict[str, Any], redactor: Redactor | None, holed: Holed) -> Changed:
        items, chain = _first(self._lists, line)
        changes = []
        for place, item in enumerate(items if items.__class__ is list else ()):
            inside = (*chain, (items, place, None))
            found = [_within(item, inside, steps) for steps in (self._field, self._old, self._new)]
            change = _change([value for value, _ in found], self._name, redactor)
            if change is not None:
                changes.append(change)
                for _, taken in found:
                    take(taken, holed)
        return changes or None


class _Single(_Told):
    """One change whose field, old and new state stand beside each other."""

    def __init__(self, field: Sequence[Find], old: Sequence[Find], new: Sequence[Find], name: str | None) -> None:
        self._finds = (field, old, new)
        self._name = name

    def _taken(self, line: dict[str, Any], redactor: Redactor | None, holed: Holed) -> Changed:
        found = [_first(finds, line) for finds in self._finds]
        change = _change([value for value, _ in found], self._name, redactor)
        if change is None:
            return None
        for _, chain in found:
            take(chain, holed)
        return [change]


def _change(found: Sequence[Any], name: str | None, redactor: Redactor | None) -> dict[str, Any] | None:
    """Return the change of a field, an old and a new state; None when no field is named or nothing changed.

    ``name`` is the field's name where the line does not tell it.
    """
    field, old, new = found
    name = name or scalar_text(field)
    sides = {side: state for side, state in (("old", old), ("new", new)) if state not in (None, "", {})}
    if name is None or not sides or ("old" in sides and "new" in sides and old == new and type(old) is type(new)):
        return None
    if redactor is not None:
        sides = {side: next(iter(redactor.value({name: state}).values())) for side, state in sides.items()}
    change = {"field": name, **sides}
    check_depth(change)
    return change


def _within(item: Any, chain: Chain, steps: tuple[Step, ...]) -> Found:
    return next(steps_from(item, chain, steps), (None, ())) if steps else (None, ())


def _first(finds: Sequence[Find], line: dict[str, Any]) -> Found:
    """Return the first value found that is not null."""
    for find in finds:
        value, chain = find(line)
        if value is not None:
            return value, chain
    return None, ()


def _place(chain: Chain) -> Place:
    return chain[-1][:2] if chain else None


def _prune(chains: Sequence[Chain], holed: Holed) -> None:
    """Take out the objects that are empty now that the states are gone from them."""
    for chain in chains:
        if len(chain) > 1 and not chain[-1][0]:
            take(chain[:-1], holed)
