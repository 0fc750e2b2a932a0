"""Code for a line that was decoded into a dict: right for every line whose keys (those that matter) are among some.

``d`` is the line; what a field takes is deleted from it, and what is left at the end are the details::

    def row(d, changes, read_us, flags):
        v0 = d.get('user')
        if v0.__class__ is str and v0:
            actor_id = v0
            del d['user']
        elif …
        return (time, actor_type, actor_id, …)
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any

from agent.profile.conditions import paths_of
from agent.profile.definition import DETAILS, Source
from agent.profile.meaning import Meaning, local_name
from agent.profile.paths import Step, finder, finder_of_all
from agent.profile.rowcode import RowCode
from agent.profile.sourcecode import Known, text_of_loaded
from agent.profile.values import Value


class DictCode(RowCode):
    """The code for lines with some keys."""

    def __init__(self, meaning: Meaning, keys: Collection[str], *, traces: bool = False) -> None:
        super().__init__(meaning)
        self._traces = traces
        self._keys = sorted(keys)
        self._loads: list[str] = []
        self._names: dict[tuple[Step, ...], str] = {}
        self._containers: list[tuple[str, str, str]] = []
        #: Top-level keys below which lists are looked into.
        self._listed: set[str] = set()
        self._finders = 0
        #: Top-level keys below which changes are taken out.
        self._changed = {value.key for rule in meaning.changes for path in rule.paths for value in self._places(path)}
        self._takers = self._count_takers()
        #: Values that one rule asks for, and loads of them that are not written yet.
        self._lone = self._find_lone()
        self._late: list[str] = []

    def source(self) -> str:
        """Return the source of ``row(d, changes, read_us, flags)``."""
        statements = [*self._statements(), f"return {self._row()}"]
        # Changes are taken out behind the loads: fields see what they take.
        changes = ["changes = changes and changes(d, holed)"] if self._meaning.changes else []
        loads = [*(["holed = []"] if self._has_holes else []), *self._loads, *changes]
        lines = ["def row(d, changes, read_us, flags):", *(f"    {line}" for line in (*loads, *statements))]
        return "\n".join(lines) + "\n"

    @property
    def _has_holes(self) -> bool:
        """Whether something may be taken out of a list."""
        return bool(self._listed or self._meaning.changes)

    def _places(self, path: str) -> list[Value]:
        return self._meaning.keys.values(path, self._keys)

    def _known(self, value: Value) -> Known | None:  # noqa: ARG002
        return None

    def _guard(self, value: Value) -> str:  # noqa: ARG002
        return ""

    def _presence(self, value: Value) -> str:
        return f"{self._load(value)} is not None"

    def _load(self, value: Value) -> str:
        place = (value.key, *value.below)
        if place not in self._names:
            if _is_direct(value):
                return self._load_directly(value)
            if not value.is_plain:
                found = self._find(finder(value.key, value.below))
                self._names[(*place, "", "")] = found
                self._names[place] = name = f"v{len(self._names)}"
                self._loads.append(f"{name} = {found}[0]")
                return name
            container, key = self._place(value)
            self._names[place] = name = f"v{len(self._names)}"
            loads = self._late if value in self._lone else self._loads
            loads.append(f"{name} = {container}.get({key!r})")
        return self._names[place]

    def _load_text(self, value: Value) -> str:
        """Return the variable of a value's text: more than one template may ask for it."""
        place = (value.key, *value.below, "", "", "")
        if value in self._lone:
            return super()._load_text(value)
        if place not in self._names:
            loaded = self._load(value)
            self._names[place] = name = f"s{len(self._names)}"
            self._loads.append(f"{name} = {text_of_loaded(loaded)}")
        return self._names[place]

    def _load_directly(self, value: Value) -> str:
        """Return the variable of a member or an element of what a shorter path leads to."""
        above, step = self._load(Value(value.key, value.below[:-1])), value.below[-1]
        self._names[(value.key, *value.below)] = name = f"v{len(self._names)}"
        if isinstance(step, int):
            enough = above if step in (0, -1) else f"len({above}) >= {step + 1 if step >= 0 else -step}"
            self._loads.append(f"{name} = {above}[{step}] if {above}.__class__ is list and {enough} else None")
        else:
            self._loads.append(f"{name} = {above}.get({step!r}) if {above}.__class__ is dict else None")
        return name

    def _load_many(self, value: Value) -> str:
        place = (value.key, *value.below)
        if place not in self._names:
            self._names[place] = self._find(finder_of_all(value.key, value.below))
        return self._names[place]

    def _find(self, find: Callable[[dict[str, Any]], Any]) -> str:
        """Return the variable of what a finder finds."""
        number, self._finders = self._finders, self._finders + 1
        self.objects[f"find_{number}"] = find
        self._loads.append(f"f{number} = find_{number}(d)")
        return f"f{number}"

    def _place(self, value: Value) -> tuple[str, str]:
        """Return the variable of the object that a value stands in, and its key there."""
        if not value.below:
            return "d", value.key
        return self._container(Value(value.key, value.below[:-1])), str(value.below[-1])

    def _container(self, value: Value) -> str:
        """Return the variable of an object within the line: EMPTY when it is none, or has nothing in it."""
        place = (value.key, *value.below, "")
        if place not in self._names:
            loaded = self._load(value)
            self._names[place] = name = f"o{len(self._names)}"
            self._loads.append(f"{name} = {loaded} if {loaded}.__class__ is dict and {loaded} else EMPTY")
            self._containers.append((name, *self._place(value)))
        return self._names[place]

    def _count_takers(self) -> Counter[Value]:
        takers: Counter[Value] = Counter()
        for source in self._meaning.all_sources:
            found = {value for path in source.all_paths for value in self._places(path)}
            self._listed.update(value.key for value in found if not value.is_plain)
            takers.update(found if source.keep != "yes" else ())
        for source in self._meaning.all_sources:
            paths = paths_of(source.when) if source.when is not None else ()
            self._listed.update(value.key for path in paths for value in self._places(path) if not value.is_plain)
        return takers

    def _find_lone(self) -> frozenset[Value]:
        """Return the values that one rule asks for, and nothing else: most lines come to none of its later sources."""
        rules = Counter[Value]()
        for rule in self._meaning.rules.values():
            paths = {path for source in rule.sources for path in _all_paths(source)}
            rules.update({value for path in paths for value in self._places(path)})
        for each in self._meaning.time:
            for source in (*each.sources, each.nanos):
                paths = set() if source is None else set(_all_paths(source))
                rules.update(2 * [value for path in paths for value in self._places(path)])
        above = {Value(value.key, value.below[:length]) for value in rules for length in range(len(value.below))}
        return frozenset(
            value
            for value, asking in rules.items()
            if asking == 1
            and value.is_plain
            and value not in above
            and value.key not in self._changed
            and value.key not in self._listed
        )

    def _late_loads(self) -> list[str]:
        late, self._late = self._late, []
        return late

    def _taking(self, value: Value, *, always: bool) -> list[str]:  # noqa: ARG002
        if _is_direct(value):
            return self._taking_directly(value)
        if not value.is_plain:
            return [f"take({self._names[(value.key, *value.below, '', '')]}[1], holed)"]
        container, key = self._place(value)
        shared = self._takers[value] > 1 or value.key in self._listed or value.key in self._changed
        return [f"{container}.pop({key!r}, None)" if shared else f"del {container}[{key!r}]"]

    def _taking_directly(self, value: Value) -> list[str]:
        links = [f"(d, {value.key!r}, None)"]
        for length, step in enumerate(value.below):
            links.append(f"({self._load(Value(value.key, value.below[:length]))}, {step!r}, None)")
        taking = f"take(({', '.join(links)}), holed)"
        container, key = self._load(Value(value.key, value.below[:-1])), value.below[-1]
        if isinstance(key, str):
            above = f"take(({', '.join(links[:-1])},), holed)"
            return [f"{container}.pop({key!r}, None)", f"if not {container}:", f"    {above}"]
        if len(value.below) == 1:  # mostly a list of one
            return [f"if len({container}) == 1:", f"    d.pop({value.key!r}, None)", "else:", f"    {taking}"]
        return [taking]

    def _rest(self) -> Iterator[str]:
        if not self._meaning.keeps_rest:
            yield "d.clear()"
        else:
            if self._has_holes:
                yield "if holed:"
                yield "    close_holes(holed)"
            for name, parent, key in reversed(self._containers):
                yield f"if {name} is not EMPTY and not {name}:"
                yield f"    {parent}.pop({key!r}, None)"
            for key in self._meaning.told:
                yield f"d.pop({key!r}, None)"
            if "details" in self._keys:
                yield "lift_details(d)"
        for name in self._meaning.rules:
            if name.startswith(DETAILS) and name not in self._fixed:
                yield f"if {local_name(name)} is not None:"
                yield f"    d[{name.removeprefix(DETAILS)!r}] = {local_name(name)}"
        yield "details = d or None"


def _all_paths(source: Source) -> list[str]:
    return [*source.all_paths, *(() if source.when is None else paths_of(source.when))]


def _is_direct(value: Value) -> bool:
    """Return whether a place in a list is named by its index, so that no finder is needed."""
    return not value.is_plain and all(isinstance(step, str | int) for step in value.below)
