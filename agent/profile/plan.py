"""Plans: the compiled code for the lines of a variant that have the same keys, made when such a line first comes.

A log repeats few sets of keys.  For each of the first :data:`PLANS_MAX` sets that differ in keys that matter there is
code of its own; beyond that one function serves all the keys met so far, so that a log of ever new keys stays readable.
Both give the same rows.
"""

import linecache
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from agent.profile.changing import Changed, Changers, make_changers
from agent.profile.dictcode import DictCode
from agent.profile.meaning import Meaning

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
        source = code.source()
        file = f"<profile {self._title}: {', '.join(sorted(keys))[:200]}>"
        # Tracebacks and debuggers show the generated lines.
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        names: dict[str, Any] = {**self._meaning.namespace, **code.objects}
        exec(compile(source, file, "exec"), names)  # noqa: S102 - written by DictCode; values come in only by repr()
        changers = make_changers(self._meaning.changes, self._meaning.keys, keys)
        return Plan(None if changers is None else changers.take, names["row"], changers)
