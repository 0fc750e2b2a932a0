"""Changes out of the states before and after, without losing what stayed the same.

A place is (container, key) of a state in the decoded line, or None when the line has no such state.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any, Final

from agent.profile.paths import take
from agent.records import Redactor
from watchbook.changes import WHOLE, derive_changes

Place = tuple[Any, Any] | None
Holed = list[list[Any]]

#: What is nested deeper stays unparsed: an event must be encoded, redacted and shown by code that recurses.
DEPTH_MAX: Final = 64


def take_changes(before_at: Place, after_at: Place, holed: Holed | None = None) -> list[dict[str, Any]] | None:
    """Return the changes and take the states out of the line; members that did not change stay where they are.

    Lists that states are taken out of are added to ``holed``.
    """
    changes = derive_changes(_state(before_at), _state(after_at))
    if not changes:
        return None
    for change in changes:
        check_depth(change)
    _leave_unchanged(before_at, after_at, changes, holed)
    return changes


def take_redacted_changes(
    given: tuple[Place, Place], redacted: tuple[Place, Place], redactor: Redactor, holed: Holed | None = None
) -> list[dict[str, Any]] | None:
    """Return the changes between the states as given, with the values of the redacted ones.

    Two secrets that differ look the same once they are redacted; that one was changed must still be told.
    """
    changes = derive_changes(_state(given[0]), _state(given[1]))
    if not changes:
        return None
    for change in changes:
        check_depth(change)
    shown = [_shown(change, _state(redacted[0]), _state(redacted[1]), redactor) for change in changes]
    _leave_unchanged(*redacted, changes, holed)
    return shown


def check_depth(value: Any, depth_max: int = DEPTH_MAX) -> None:
    """Raise ValueError when containers nest deeper than that."""
    for member in value.values() if value.__class__ is dict else value:
        if member.__class__ is dict or member.__class__ is list:
            break
    else:
        return
    layer = [value]
    for _ in range(depth_max):
        members = chain.from_iterable(inner.values() if inner.__class__ is dict else inner for inner in layer)
        deeper = [member for member in members if member.__class__ is dict or member.__class__ is list]
        if not deeper:
            return
        layer = deeper
    raise ValueError(f"nests deeper than {depth_max} levels")


def lift_details(line: dict[str, Any]) -> None:
    """Put the members of a line's own ``details`` beside the rest, unless a name is taken."""
    inner = line.get("details")
    if inner.__class__ is dict and inner and inner.keys().isdisjoint(line):
        del line["details"]
        line.update(inner)


def _state(place: Place) -> Any:
    return None if place is None else place[0][place[1]]


def _shown(change: Mapping[str, Any], before: Any, after: Any, redactor: Redactor) -> dict[str, Any]:
    shown = {"field": change["field"]}
    for side, state in (("old", before), ("new", after)):
        if side not in change:
            continue
        if isinstance(state, Mapping) and change["field"] in state:
            shown[side] = state[change["field"]]
        elif change["field"] == WHOLE:
            shown[side] = state
        else:  # the name itself held a secret
            shown["field"] = redactor.text(change["field"])
            shown[side] = redactor.value(change[side])
    return shown


def _leave_unchanged(before_at: Place, after_at: Place, changes: list[dict[str, Any]], holed: Holed | None) -> None:
    before, after = _state(before_at), _state(after_at)
    for place in (before_at, after_at):
        if place is not None:
            take(((*place, None),), [] if holed is None else holed)
    if before.__class__ is dict and after.__class__ is dict and before_at is not None:
        changed = {change["field"] for change in changes}
        same = {name: value for name, value in before.items() if name not in changed}
        if same:
            before_at[0][before_at[1]] = same
