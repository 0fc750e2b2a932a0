"""What the matches of a rule are grouped by: the values of some fields of each event, and where a group is kept."""

from collections.abc import Sequence
from types import NoneType
from typing import Any, Final

import msgspec

from collector.detect.fields import resolve, split_object
from collector.detect.view import BatchView
from collector.finding import GroupValue

#: The values that a rule groups by.
Key = tuple[GroupValue, ...]
#: A key in short: the value itself where there is one, which takes no tuple for each group.
Label = GroupValue | Key
#: Where a group is kept: its label, with the stream of a track.
PlaceOfGroup = Label | tuple[Label, str]
#: Where the values of a field lie: its name, and the way through an object.
Place = tuple[str, tuple[str, tuple[str, ...]] | None]

#: Larger integers cannot be written by every JSON encoder.
_INTEGER_LIMIT: Final = 2**63
#: Values of these types can be grouped by as they are.
_PLAIN_TYPES: Final = frozenset({str, NoneType, float, bool})


def label_of(key: Key) -> Label:
    """Return a key in short."""
    return key[0] if len(key) == 1 else key


def places_of(names: Sequence[str]) -> list[Place]:
    """Return where the values of some fields lie."""
    return [(name, split_object(name)) for name in names]


def labels_of(view: BatchView, places: Sequence[Place], indices: Sequence[int]) -> Sequence[Label]:
    """Return the values of some fields of each of some events."""
    columns = [values_of(view, name, place, indices) for name, place in places]
    if len(columns) == 1:
        return columns[0]
    return list(zip(*columns, strict=True)) if columns else [()] * len(indices)


def values_of(
    view: BatchView, name: str, place: tuple[str, tuple[str, ...]] | None, indices: Sequence[int]
) -> Sequence[GroupValue]:
    """Return the value of a field of each of some events; ``place`` is what ``split_object`` says of its name."""
    if place is None:
        values = view.at(name, indices)
        return values if _PLAIN_TYPES.issuperset(map(type, values)) else list(map(scalar, values))
    if place[0] == "measures":
        measure = ".".join(place[1])
        return [None if measures is None else measures.get(measure) for measures in view.at("measures", indices)]
    decode, path = view.decoder(place[0]), place[1]
    return [scalar(resolve(decode(index), path)) for index in indices]


def scalar(value: Any) -> GroupValue:
    """Return a value that can be grouped by: lists, objects and numbers over 64 bits as their JSON text."""
    if value is None or isinstance(value, str | float) or (isinstance(value, int) and abs(value) < _INTEGER_LIMIT):
        return value
    return msgspec.json.encode(value, order="sorted").decode()
