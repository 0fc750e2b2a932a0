"""Code for the lines that a log nearly always has: decoded into a struct made for them, loop included.

The struct has a member for every key the log was seen to have, typed where all lines agreed; the decoder checks that in
C, refuses any other line, and that one goes the way of :mod:`agent.profile.dictcode`.  With that known, most of a
rule's alternatives fall away when the code is written.  ``UNSET`` is what a line does not have.  Most lines have
nothing but what every line has: for these the code is written a second time, without the questions for the rest::

    def rows(lines, read_us, append, otherwise):
        flags = None
        for line in lines:
            try:
                d = decode(line)
                if d.a9 is UNSET and d.a10 is UNSET:
                    …
                    append(…)
                else:
                    v0 = d.a3
                    actor_id = v0
                    …
                    append((time, actor_type, actor_id, …))
            except Exception:
                otherwise(line)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from agent.profile.conditions import paths_of
from agent.profile.definition import DETAILS, ChangesRule, StatesRule
from agent.profile.meaning import Meaning
from agent.profile.paths import Step
from agent.profile.rowcode import RowCode
from agent.profile.shape import INTEGER_MAX, Kind, Member, Shape
from agent.profile.sourcecode import Known
from agent.profile.states import take_changes
from agent.profile.values import Value

_TYPES: Final[dict[Kind, Any]] = {
    "text": Annotated[str, msgspec.Meta(min_length=1)],
    "integer": Annotated[int, msgspec.Meta(gt=-INTEGER_MAX, lt=INTEGER_MAX)],
    "object": dict[str, Any],
}
#: Where some path of the profile looks into an object, but none was seen so far.
_NO_OBJECT: Final = str | int | float | bool | None | list[Any]
_KNOWN: Final[dict[Kind | None, Known]] = {"text": "text", "integer": "integer", "object": "other"}

Place = tuple[Step, ...]


class UnsuitableError(Exception):
    """These lines cannot be had as structs: their keys mean different things from line to line."""


class _Inside(NamedTuple):
    """Loads from an object that lines may lack: asked for once, for all that is in it."""

    container: str
    loads: "list[str | _Inside]"

    @property
    def names(self) -> list[str]:
        """The variables that are loaded."""
        names = []
        for load in self.loads:
            if isinstance(load, _Inside):
                names += load.names
            elif not load.startswith("if "):
                names.append(load.partition(" = ")[0])
        return names


class StructCode(RowCode):
    """The code for lines of a shape."""

    def __init__(self, meaning: Meaning, shape: Shape) -> None:
        super().__init__(meaning)
        self._shape = shape
        self._keys = sorted(shape.members)
        self._loads: list[str | _Inside] = []
        self._within: dict[str, list[str | _Inside]] = {}
        self._names: dict[Place, str] = {}
        self._opened: set[Value] = set()
        self._gone: set[Place] = set()
        self._leaves_something = False
        #: Keys of lines that may be found in the details.
        self._left: set[str] = set()
        self._maybe_gone: dict[Place, str] = {}
        self._looked_into = self._find_looked_into()
        self._states = self._find_states(meaning.changes)
        if any(field.startswith(DETAILS) for field in meaning.rules):
            raise UnsuitableError("a rule fills a detail by its name")

    def source(self, usual: "StructCode | None" = None) -> str:
        """Return the source of ``rows(lines, read_us, append, otherwise)``.

        ``usual`` is the code for the core of the shape, if it has one.
        """
        body = self._body()
        if usual is not None:
            usual.objects = self.objects  # one namespace
            attributes = _attributes(self._shape.members)
            rare = [attributes[key] for key, member in self._shape.members.items() if not member.always]
            body = [
                f"if {' and '.join(f'd.{attribute} is UNSET' for attribute in rare)}:",
                *(f"    {line}" for line in usual._body()),
                "else:",
                *(f"    {line}" for line in body),
            ]
        lines = [
            "def rows(lines, read_us, append, otherwise, decode=decode, UNSET=UNSET):",
            "    for line in lines:",
            "        try:",
            "            d, flags = decode(line), None",
            *(f"            {line}" for line in body),
            "        except Exception:",
            "            otherwise(line)",
        ]
        return "\n".join(lines) + "\n"

    def _body(self) -> list[str]:
        """Return the statements that append the row of a line ``d``."""
        changes = list(self._changes())
        statements = [*self._statements(), f"append({self._row()})"]
        return [*_written(self._loads), *changes, *statements]

    def namespace(self, decoder_of: Callable[[Any], Any]) -> dict[str, Any]:
        """Return the objects that the source uses besides those of its meaning."""
        return {
            **self.objects,
            "decode": decoder_of(self._struct((), self._shape)),
            "UNSET": UNSET,
            "take_changes": take_changes,
        }

    def _struct(self, above: Place, shape: Shape) -> Any:
        fields: list[tuple[Any, ...]] = []
        attributes = _attributes(shape.members)
        for key, attribute in attributes.items():
            member = shape.members[key]
            kind = self._type((*above, key), member)
            fields.append((attribute, kind) if member.always else (attribute, kind | UnsetType, UNSET))
        rename = {attribute: key for key, attribute in attributes.items()}
        try:
            return msgspec.defstruct("Line", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False)
        except ValueError as error:
            raise UnsuitableError(f"a key is too strange: {error}") from error

    def _type(self, place: Place, member: Member) -> Any:
        if self._is_opened(place, member):
            return self._struct(place, member.object)
        if member.kind in _TYPES:
            return _TYPES[member.kind]
        return _NO_OBJECT if place in self._looked_into else Any

    def _places(self, path: str) -> list[Value]:
        found = self._meaning.keys.values(path, self._keys)
        return [value for value in found if self._member(value) is not None]

    def _load_many(self, value: Value) -> str:
        raise UnsuitableError(f"{value.key!r} is looked into as a list")

    def _member(self, value: Value) -> Member | None:
        """Return what was learnt of a place; None when no line had it."""
        member = self._shape.members[value.key]
        for key in value.below:
            if member.kind == "mixed":
                if member.object.members or member.object.too_varied:
                    raise UnsuitableError(f"{value.key!r} is an object in some lines only")
                return None
            inner = member.object.members.get(str(key))
            if inner is None:
                return None
            member = inner
        return member

    def _find_looked_into(self) -> set[Place]:
        """Return the places that some path of the profile looks below."""
        paths = {path for source in self._meaning.all_sources for path in source.all_paths}
        paths.update(
            path for source in self._meaning.all_sources if source.when is not None for path in paths_of(source.when)
        )
        found = [value for path in paths for value in self._meaning.keys.values(path, self._keys)]
        if not all(value.is_plain for value in found):
            raise UnsuitableError("a path looks into a list")
        return {(value.key, *value.below[:length]) for value in found for length in range(len(value.below))}

    def _known(self, value: Value) -> Known | None:
        member = self._member(value)
        if member is None or not member.definite or not self._always_there(value):
            return None
        return _KNOWN.get(member.kind)

    def _guard(self, value: Value) -> str:
        member = self._member(value)
        if member is not None and member.always and self._always_there(value):
            return ""
        return f"{self._load(value)} is not UNSET and "

    def _presence(self, value: Value) -> str:
        if self._known(value) is not None:
            return ""
        loaded = self._load(value)
        return f"({loaded} is not UNSET and {loaded} is not None)"

    def _load(self, value: Value) -> str:
        place = (value.key, *value.below)
        if place not in self._names:
            container, members, loads = "d", self._shape.members, self._loads
            if value.below:
                above = Value(value.key, value.below[:-1])
                container, members = self._open(above)
                loads = loads if self._known(above) is not None else self._within[container]
            attribute = _attributes(members)[str(place[-1])]
            self._names[place] = name = f"v{len(self._names)}"
            loads.append(f"{name} = {container}.{attribute}")
        return self._names[place]

    def _open(self, value: Value) -> tuple[str, dict[str, Member]]:
        """Return the variable of an object that the code looks into, and its members."""
        member = self._member(value)
        assert member is not None
        container, members = self._load(value), member.object.members
        if value not in self._opened:
            self._opened.add(value)
            within: list[str | _Inside] = self._loads
            if self._known(value) is None:
                within = self._within[container] = []
                self._loads.append(_Inside(container, within))
            if not any(inner.always for inner in members.values()):
                empty = " and ".join(f"{container}.a{index} is UNSET" for index in range(len(members)))
                within.append(f"if {empty}: raise ValueError('an empty object')")
        return container, members

    def _is_opened(self, place: Place, member: Member) -> bool:
        """Return whether the code looks into the objects at a place; then no line may bring another key there."""
        return member.kind == "object" and place in self._looked_into

    def _taking(self, value: Value, *, always: bool) -> list[str]:
        place = (value.key, *value.below)
        if always:
            self._gone.add(place)
            return []
        if place not in self._maybe_gone:
            loaded = self._load(value)
            self._maybe_gone[place] = name = f"r{loaded[1:]}"
            self._loads.append(f"{name} = {loaded}")
        return [f"{self._maybe_gone[place]} = UNSET"]

    def _find_states(self, changes: Sequence[ChangesRule]) -> tuple[list[Value], list[Value]]:
        if not changes:
            return [], []
        rule, *others = changes
        if others or not isinstance(rule, StatesRule):
            raise UnsuitableError("changes stand at more than one place, or in a list")
        before, after = self._values(rule.before), self._values(rule.after)
        taken = {
            value
            for each in self._meaning.rules.values()
            for source in each.sources
            for path in (*source.all_paths, *(paths_of(source.when) if source.when is not None else ()))
            for value in self._places(path)
        }
        places = [*before, *after]
        if any(value.below or value in taken for value in places) or max(len(before), len(after)) > 1:
            raise UnsuitableError("the states before and after stand at more than one place, or are used elsewhere")
        return before, after

    def _changes(self) -> Iterator[str]:
        """Yield the statements that set ``changes``, and take the states out of the line."""
        states = [value for found in self._states for value in found]
        yield "changes = None"
        if not states:
            return
        yield f"if {' or '.join(f'{self._load(value)} is not UNSET' for value in states)}:"
        places = []
        for found in self._states:
            value = next(iter(found), None)
            if value is None:
                places.append("None")
                continue
            loaded = self._load(value)
            places.append(f"None if {loaded} is UNSET or {loaded} is None else (states, {value.key!r})")
        pairs = ", ".join(f"{value.key!r}: {self._load(value)}" for value in states)
        yield f"    states = {{{pairs}}}"
        yield f"    changes = take_changes({', '.join(places)})"
        for value in states:
            self._taking(value, always=False)
            yield f"    {self._maybe_gone[(value.key,)]} = states.get({value.key!r}, UNSET)"

    def _rest(self) -> Iterator[str]:
        if not self._meaning.keeps_rest:
            self._fixed["details"] = "None"
            return
        yield from self._rest_of("details", self._shape, ())
        if "details" in self._shape.members:
            yield "if 'details' in details:"
            yield "    lift_details(details)"
            yield "    check_depth(details)"
        containers = [
            key
            for key, member in self._shape.members.items()
            if member.kind not in ("text", "integer") and key != "details"
        ]
        left = [f"{key!r} in details" for key in containers if key in self._left]
        if left:
            yield f"if {' or '.join(left)}:"
            yield "    check_depth(details)"
        if not self._leaves_something:
            yield "details = details or None"

    def _rest_of(self, name: str, shape: Shape, above: Place) -> Iterator[str]:
        """Yield the statements that gather what is left of an object."""
        sure: list[str] = []
        lines: list[str] = []
        for key, member in shape.members.items():
            place = (*above, key)
            value = Value(str(place[0]), place[1:])
            if place in self._gone:
                continue
            if self._is_opened(place, member):
                inner = list(self._rest_of_object(name, value, member))
                if inner and not above:
                    self._left.add(key)
                lines += inner
                continue
            if not above:
                self._left.add(key)
            left = self._maybe_gone.get(place) or self._load(value)
            if place not in self._maybe_gone and member.always and self._always_there(value):
                sure.append(f"{key!r}: {left}")
            else:
                lines += [f"if {left} is not UNSET:", f"    {name}[{key!r}] = {left}"]
        self._leaves_something |= bool(sure) and not above
        if sure or lines or not above:
            yield f"{name} = {{{', '.join(sure)}}}"
            yield from lines

    def _rest_of_object(self, name: str, value: Value, member: Member) -> Iterator[str]:
        place = (value.key, *value.below)
        inner, loaded = f"{name}_{len(place)}", self._load(value)
        lines = list(self._rest_of(inner, member.object, place))
        if not lines:
            return
        lines += [f"if {inner}:", f"    {name}[{place[-1]!r}] = {inner}"]
        if not (member.always and self._always_there(value)):
            yield f"if {loaded} is not UNSET:"
            yield from (f"    {line}" for line in lines)
        else:
            yield from lines

    def _always_there(self, value: Value) -> bool:
        """Return whether every line has the objects that a value stands in."""
        above = [self._member(Value(value.key, value.below[:length])) for length in range(len(value.below))]
        return all(member is not None and member.always for member in above)


def _attributes(members: Mapping[str, Member]) -> dict[str, str]:
    """Return the attribute of each key: those that every line has come first, so that the core has the same."""
    ordered = sorted(members, key=lambda key: not members[key].always)
    return {key: f"a{index}" for index, key in enumerate(ordered)}


def _written(loads: Sequence[str | _Inside]) -> Iterator[str]:
    """Yield the statements of loads."""
    for load in loads:
        if isinstance(load, str):
            yield load
            continue
        yield f"if {load.container} is UNSET:"
        yield f"    {' = '.join([*load.names, 'UNSET'])}" if load.names else "    pass"
        yield "else:"
        yield from (f"    {statement}" for statement in _written(load.loads))
        yield "    pass"
