"""Code for a line whose keys are all known, and for the groups of the pattern that its text fits.

The groups need not be added to the line to be taken out of it again: what the line and its pattern give are variables,
and the details are what no field took, in the order in which they would stand in the line::

    def row(d, groups, read_us):
        v0, v1, v2, v3, v4 = d.values()
        v5, v6, v7, = groups
        flags = None
        …
        details = {'program': v2, 'pid': v3, 'method': v6}
        return (time, actor_type, actor_id, …)

``d`` itself is not changed.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agent.profile.definition import DETAILS
from agent.profile.meaning import Meaning, local_name
from agent.profile.rowcode import RowCode
from agent.profile.sourcecode import Known
from agent.profile.structcode import UnsuitableError
from agent.profile.values import Value


class Group(NamedTuple):
    """A group of a pattern; ``is_sure``: every text that fits has something in it, or else it may have nothing."""

    name: str
    is_sure: bool


class TextCode(RowCode):
    """The code for lines that have these keys, in this order, and none of the names of groups among them."""

    def __init__(self, meaning: Meaning, keys: Sequence[str], groups: Sequence[Group]) -> None:
        super().__init__(meaning)
        self._keys = tuple(keys)
        self._groups = {group.name: group for group in groups}
        self._names = {key: f"v{index}" for index, key in enumerate((*keys, *self._groups))}
        #: What is set to ``GONE`` once a field took it.
        self._maybe_gone: dict[str, str] = {}
        self._gone: set[str] = set()
        self.objects["GONE"] = object()
        if meaning.changes or "details" in self._names:
            raise UnsuitableError("changes, or details of its own, are taken out of the line")
        for rule in meaning.rules.values():
            own = rule.field.removeprefix(DETAILS)
            paths = {path for source in rule.sources for path in source.paths}
            if rule.field.startswith(DETAILS) and own in self._names and paths != {own}:
                raise UnsuitableError("a rule looks whether the line has a detail")

    def source(self) -> str:
        """Return the source of ``row(d, groups, read_us)``."""
        body = [*self._statements(), f"return {self._row()}"]
        keys, groups = (list(map(self._names.__getitem__, names)) for names in (self._keys, self._groups))
        copies = [f"{copy} = {self._names[key]}" for key, copy in self._maybe_gone.items()]
        lines = [f"{', '.join(keys)}, = d.values()", "flags = changes = None"]
        lines += [f"{', '.join(groups)}, = groups"] if groups else []
        return "\n".join(["def row(d, groups, read_us):", *(f"    {line}" for line in (*lines, *copies, *body)), ""])

    def _places(self, path: str) -> list[Value]:
        found = self._meaning.keys.values(path, sorted(self._names))
        if any(value.below and value.key not in self._groups for value in found):
            raise UnsuitableError("a path looks into what may be an object")
        return [value for value in found if not value.below]

    def _load_many(self, value: Value) -> str:
        raise UnsuitableError(f"{value.key!r} is looked into as a list")

    def _load(self, value: Value) -> str:
        return self._names[value.key]

    def _known(self, value: Value) -> Known | None:
        return "text" if value.key in self._groups and self._groups[value.key].is_sure else None

    def _presence(self, value: Value) -> str:
        return "" if self._known(value) else f"{self._load(value)} is not None"

    def _guard(self, value: Value) -> str:
        return "" if value.key not in self._groups or self._known(value) else f"{self._load(value)} is not None and "

    def _taking(self, value: Value, *, always: bool) -> list[str]:
        if always:
            self._gone.add(value.key)
            return []
        copy = self._maybe_gone.setdefault(value.key, f"r{self._names[value.key][1:]}")
        return [f"{copy} = GONE"]

    def _rest(self) -> Iterator[str]:
        yield from self._left()
        names = [name for name in self._meaning.rules if name.startswith(DETAILS) and name not in self._fixed]
        for name in names:
            yield f"if {local_name(name)} is not None:"
            yield f"    details[{name.removeprefix(DETAILS)!r}] = {local_name(name)}"
        yield "details = details or None"

    def _left(self) -> Iterator[str]:
        """Yield the statements that gather what nothing took."""
        gone = {*self._gone, *self._meaning.told}
        left = [key for key in self._names if key not in gone] if self._meaning.keeps_rest else []
        conditions = [self._condition_of_left(key) for key in left]
        sure = next((index for index, condition in enumerate(conditions) if condition), len(left))
        yield f"details = {{{', '.join(f'{key!r}: {self._names[key]}' for key in left[:sure])}}}"
        for key, condition in zip(left[sure:], conditions[sure:], strict=True):
            value = f"details[{key!r}] = {self._names[key]}"
            yield f"if {condition}: {value}" if condition else value

    def _condition_of_left(self, key: str) -> str:
        """Return the condition that a line has a value, and that nothing took it; empty when that is so in all."""
        conditions = []
        if key in self._groups and not self._groups[key].is_sure:
            conditions.append(f"{self._names[key]} is not None")
        if key in self._maybe_gone:
            conditions.append(f"{self._maybe_gone[key]} is not GONE")
        return " and ".join(conditions)
