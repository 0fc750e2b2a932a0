"""What changed between two states of a resource, derived when a source gives only before and after (and back).

The rules follow the sources that Watchbook learnt from: a create has no old state and shows the whole new one, a delete
has no new state and shows the whole old one, an update shows the fields that differ, a read has no changes at all.
"""

from collections.abc import Mapping, Sequence
from typing import Any

#: The ``field`` of a change whose states are single values and not objects.
WHOLE = "value"


def derive_changes(before: Any, after: Any) -> list[dict[str, Any]]:
    """Return ``[{field, old?, new?}]`` for the fields that differ, in the order of ``before``, then of ``after``.

    None, an empty text and an empty object all mean "no state".  Objects are compared field by field one level deep;
    any other values are compared whole, under the field name ``value``.
    """
    old, new = _state(before), _state(after)
    if old is None and new is None:
        return []
    if _may_be_object(old) and _may_be_object(new):
        return _object_changes(old or {}, new or {})
    if _same(old, new):
        return []
    return [_change(WHOLE, {} if old is None else {WHOLE: old}, {} if new is None else {WHOLE: new})]


def before_and_after(changes: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two states that a list of changes speaks of: the inverse of :func:`derive_changes`."""
    before = {change["field"]: change["old"] for change in changes if "old" in change}
    after = {change["field"]: change["new"] for change in changes if "new" in change}
    return before, after


def _may_be_object(state: Any) -> bool:
    return state is None or state.__class__ is dict or isinstance(state, Mapping)


def _state(value: Any) -> Any:
    return None if value is None or value == "" or value == {} else value


def _object_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = [*old, *(name for name in new if name not in old)]
    unchanged = {name for name in old if name in new and _same(old[name], new[name])}
    return [_change(name, old, new) for name in names if name not in unchanged]


def _same(old: Any, new: Any) -> bool:
    # In JSON true is not 1; in Python it is.
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


def _change(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    change: dict[str, Any] = {"field": name}
    if name in old:
        change["old"] = old[name]
    if name in new:
        change["new"] = new[name]
    return change
