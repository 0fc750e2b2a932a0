"""Plans: the compiled code for the lines of a variant that have the same keys, made when such a line first comes.

A log repeats few sets of keys.  For each of the first :data:`PLANS_MAX` sets that differ in keys that matter there is
code of its own; beyond that one function serves all the keys met so far, so that a log of ever new keys stays readable.
Both give the same rows.
"""

import linecache
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.profile.changing import Changed, Changers, make_changers
from agent.profile.dictcode import DictCode
from agent.profile.dispatch import add_groups
from agent.profile.meaning import Meaning
from agent.profile.regexes import groups_sure
from agent.profile.structcode import UnsuitableError
from agent.profile.textcode import Group, TextCode

#: Sets of keys with code of their own.
PLANS_MAX: Final = 64
#: Orders of keys remembered with their plan.
ORDERS_MAX: Final = 2048
#: Longer orders are worked out each time.
KEYS_REMEMBERED_MAX: Final = 128
#: Keys that the one function for all others covers before it starts afresh.
SHARED_KEYS_MAX: Final = 512

TakeChanges = Callable[[dict[str, Any], list[list[Any]]], Changed]
#: Makes the row of a line; it takes the changes out once it has seen the line.
MakeRow = Callable[[dict[str, Any], TakeChanges | None, int, list[str] | None], tuple[Any, ...]]


class Plan(NamedTuple):
    """What to do with a line: what takes its changes out (None when it cannot have any), and what makes its row."""

    take: TakeChanges | None
    make_row: MakeRow
    changers: Changers | None


class TextRows(dict[tuple[str, ...], Callable[[dict[str, Any], Sequence[str | None], int], tuple[Any, ...]]]):
    """By the keys of a line, in its order, what makes its row from it and from the groups of the pattern it is of.

    ``regex`` is that of the pattern, None for lines of none.  What takes more than a line's variables goes by its plan.
    """

    def __init__(self, plans: "Callable[[], Plans]", regex: re.Pattern[str] | None) -> None:
        super().__init__()
        self._plans = plans
        sure = frozenset[str]() if regex is None else groups_sure(regex)
        self._groups = [] if regex is None else [Group(name, name in sure) for name in regex.groupindex]

    def __missing__(self, keys: tuple[str, ...]) -> Callable[..., tuple[Any, ...]]:
        if len(self) >= PLANS_MAX:
            return self._by_plan
        try:
            made = self._plans().text_row(keys, self._groups)
        except UnsuitableError:
            made = self._by_plan
        self[keys] = made
        return made

    def _by_plan(self, line: dict[str, Any], groups: Sequence[str | None], read_us: int) -> tuple[Any, ...]:
        add_groups(line, tuple(group.name for group in self._groups), groups)
        take, make_row, _ = self._plans()[tuple(line)]
        return make_row(line, take, read_us, None)


class Plans(dict[tuple[str, ...], Plan]):
    """The plans of a variant by the keys of a line, in the line's order; compiles what it does not have yet."""

    def __init__(self, title: str, meaning: Meaning) -> None:
        super().__init__()
        self._title = title
        self._meaning = meaning
        self._by_keys: dict[frozenset[str], Plan] = {}
        self._shared_keys: frozenset[str] = frozenset()
        self._shared: Plan | None = None

    def __missing__(self, keys: tuple[str, ...]) -> Plan:
        known = frozenset(filter(self._meaning.keys.matters, keys))
        plan = self._by_keys.get(known)
        if plan is None:
            if len(self._by_keys) < PLANS_MAX:
                plan = self._by_keys[known] = self._compile(known)
            else:
                plan = self._shared_plan(known)
        if len(self) >= ORDERS_MAX:
            self.clear()
        if len(keys) <= KEYS_REMEMBERED_MAX:
            self[keys] = plan
        return plan

    def source(self, keys: tuple[str, ...]) -> str:
        """Return the Python code for lines with these keys."""
        return DictCode(self._meaning, frozenset(filter(self._meaning.keys.matters, keys))).source()

    def text_row(self, keys: tuple[str, ...], groups: Sequence[Group]) -> Callable[..., tuple[Any, ...]]:
        """Return what makes the rows of lines with these keys from their groups; raises UnsuitableError."""
        code = TextCode(self._meaning, keys, groups)
        file = f"<profile {self._title}: {', '.join(keys)[:200]} and groups>"
        made: Callable[..., tuple[Any, ...]] = self._run(code.source(), file, code.objects)
        return made

    def explain(self, line: dict[str, Any], read_us: int) -> tuple[Meaning, dict[str, str], tuple[Any, ...]]:
        """Return the meaning of a line, where the code found the values of its fields, and its row.

        ``line`` is changed as the code changes it.
        """
        keys = frozenset(filter(self._meaning.keys.matters, line))
        code = DictCode(self._meaning, keys, traces=True)
        origins: dict[str, str] = {}
        names: dict[str, Any] = {**self._meaning.namespace, "origins": origins}
        source = code.source()
        names.update(code.objects)
        exec(compile(source, "<explaining a line>", "exec"), names)  # noqa: S102 - as in _compile
        changers = make_changers(self._meaning.changes, self._meaning.keys, keys)
        row = names["row"](line, None if changers is None else changers.take, read_us, None)
        return self._meaning, origins, row

    def _shared_plan(self, keys: frozenset[str]) -> Plan:
        if self._shared is None or not keys <= self._shared_keys:
            together = self._shared_keys | keys
            self._shared_keys = together if len(together) <= SHARED_KEYS_MAX else keys
            self._shared = self._compile(self._shared_keys)
        return self._shared

    def _compile(self, keys: frozenset[str]) -> Plan:
        code = DictCode(self._meaning, keys)
        row = self._run(code.source(), f"<profile {self._title}: {', '.join(sorted(keys))[:200]}>", code.objects)
        changers = make_changers(self._meaning.changes, self._meaning.keys, keys)
        return Plan(None if changers is None else changers.take, row, changers)

    def _run(self, source: str, file: str, objects: Mapping[str, Any]) -> Callable[..., Any]:
        """Return the function ``row`` of some code."""
        # Tracebacks and debuggers show the generated lines.
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        names: dict[str, Any] = {**self._meaning.namespace, **objects}
        exec(compile(source, file, "exec"), names)  # noqa: S102 - values of a profile come in only by repr()
        row: Callable[..., Any] = names["row"]
        return row
