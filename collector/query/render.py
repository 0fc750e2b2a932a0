"""Events as the JSON of the API, straight from the columns of a block.

The same document as :func:`watchbook.event.nest` makes, at a fraction of its cost: a struct a group, filled column by
column.  ``details`` and ``changes`` go out as the bytes they came in.
"""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, Final

import msgspec
import numpy as np

from collector.block import DecodedBlock
from watchbook.coded import BASE
from watchbook.event import FIELDS, event_id, nest


def _groups() -> dict[str, tuple[str, ...]]:
    """Return the members of each group of the event, and of each field that is in none: nothing."""
    groups: dict[str, tuple[str, ...]] = {}
    for field in FIELDS:
        group, dot, member = field.name.partition(".")
        groups[group] = (*groups.get(group, ()), member) if dot else ()
    return groups


_GROUPS: Final = _groups()
_STRUCTS: Final = {
    group: msgspec.defstruct(group, [(name, Any, None) for name in members], omit_defaults=True, gc=False)
    for group, members in _GROUPS.items()
    if members
}
_NAMES: Final = ("id", "time", "received", *(name for name in _GROUPS if name != "time"))
_Event: Any = msgspec.defstruct("Event", [(name, Any, None) for name in _NAMES], omit_defaults=True, gc=False)
#: From so many events of a block on they are made column by column.
_MANY: Final = 8
_encode: Final = msgspec.json.Encoder().encode


def render(block: DecodedBlock, indexes: Sequence[int]) -> list[bytes]:
    """Return the JSON of some events of a block, in the order of ``indexes``."""
    if len(indexes) < _MANY:
        return [_encode(_nested(block, index)) for index in indexes]
    times = block.batch.times
    ids, received = _identified(block, indexes)
    columns: list[Iterable[Any]] = [ids, _moments([times[index] for index in indexes]), received]
    columns += [_group(block, name, indexes) for name in _NAMES[3:]]
    return [_encode(event) for event in map(_Event, *columns)]


def _nested(block: DecodedBlock, index: int) -> dict[str, Any]:
    """Return one event: for a few of them, going through all columns costs more than it saves."""
    identity = block.identity(index)
    named = {"id": event_id(*identity[:3]), "time": None, "received": identity.received}
    return nest({**named, **block.batch.row(index)})


def _identified(block: DecodedBlock, indexes: Sequence[int]) -> tuple[Iterable[str], Iterable[str]]:
    """Return the ids and the times of receipt."""
    if block.identities is None:
        info = block.info
        return [event_id(info.stream, info.sequence, index) for index in indexes], repeat(_moments([info.received])[0])
    identities = [block.identities[index] for index in indexes]
    ids = [event_id(identity.stream, identity.sequence, identity.index) for identity in identities]
    return ids, _moments([identity.received for identity in identities])


def _group(block: DecodedBlock, name: str, indexes: Sequence[int]) -> Iterable[Any]:
    struct = _STRUCTS.get(name)
    if struct is None:
        return _values(block, name, indexes) or repeat(None)
    members = [_values(block, f"{name}.{member}", indexes) for member in _GROUPS[name]]
    if not any(members):
        return repeat(None)
    nothing = (None,) * len(members)
    rows = zip(*(column or repeat(None) for column in members), strict=False)
    return [None if row == nothing else struct(*row) for row in rows]


def _values(block: DecodedBlock, name: str, indexes: Sequence[int]) -> list[Any] | None:
    """Return the values of a column, None when no event has the field."""
    coded = block.batch.coded(name)
    if coded is not None:
        values, low, high = coded
        if high is None:
            return [values[low[index]] for index in indexes]
        return [values[high[index] * BASE + low[index]] for index in indexes]
    column = block.batch.columns.get(name)
    if column is None:
        return None
    if isinstance(column, str):
        return [column] * len(indexes)
    return [column[index] for index in indexes]


def _moments(times: Sequence[int]) -> list[str]:
    """Return RFC 3339 texts of times; numpy writes a column of them faster than Python one."""
    return [text + "Z" for text in np.datetime_as_string(np.array(times, "datetime64[us]"), unit="us").tolist()]
