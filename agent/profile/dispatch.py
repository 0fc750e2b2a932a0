"""Which of many patterns, or cases, a line is of, without asking each of them.

Two things are looked at first: how the text begins (a regular expression mostly begins with words of its own), and the
value that most conditions ask for (the program, the event's name).  What is left to be asked for such a beginning and
such a value is remembered.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from agent.profile.conditions import Condition
from agent.profile.paths import parse_path, scalar_text
from agent.profile.regexes import BEGINNING, prefixes_of

Line = dict[str, Any]
Test = Callable[[Line], bool]
#: Stands for no pattern, or no case.
NONE: Final = -1
#: Ways to begin that are remembered; the memory starts afresh when it is full.
REMEMBERED_MAX: Final = 4096


class Variant(NamedTuple):
    """A pattern or a case at work: its condition, the value it looks at, its regular expression and its groups."""

    name: str
    condition: Condition | None
    when: Test | None
    of: str
    regex: re.Pattern[str] | None
    groups: tuple[str, ...]


class _Candidate(NamedTuple):
    place: int
    when: Test | None
    text: int
    fullmatch: Callable[[str], re.Match[str] | None] | None
    groups: tuple[str, ...]


class Dispatch:
    """Finds the first variant that a line is of.  ``get`` makes what gets the value at a path of a line."""

    def __init__(self, variants: Sequence[Variant], get: Callable[[str], Callable[[Line], Any]]) -> None:
        self.variants = tuple(variants)
        ofs = list(dict.fromkeys(each.of for each in variants if each.regex is not None))
        self._gets = tuple(get(of) for of in ofs)
        self._places = {of: index for index, of in enumerate(ofs)}
        self._prefixes = [() if each.regex is None else prefixes_of(each.regex) for each in variants]
        self._path = _asked_most([each.condition for each in variants if each.condition is not None])
        self._asked = None if self._path is None else get(self._path)
        self._remembered: dict[tuple[Any, ...], tuple[_Candidate, ...]] = {}

    def find(self, line: Line) -> int:
        """Return the place of the first variant that a line is of, NONE without one; add its groups to the line."""
        value = None
        if self._asked is not None:
            asked = self._asked(line)
            value = asked if asked.__class__ is str else scalar_text(asked)
        texts = [get(line) for get in self._gets]
        if len(texts) == 1:
            (text,) = texts
            key: tuple[Any, ...] = (value, text[:BEGINNING] if text.__class__ is str else None)
        else:
            key = (value, *(text[:BEGINNING] if text.__class__ is str else None for text in texts))
        candidates = self._remembered.get(key)
        if candidates is None:
            candidates = self._candidates(key)
        for place, when, index, fullmatch, groups in candidates:
            if when is not None and not when(line):
                continue
            if fullmatch is None:
                return place
            found = fullmatch(texts[index])
            if found is not None:
                values = found.groups()
                if None in values or not line.keys().isdisjoint(groups):
                    _add_some(line, groups, values)
                else:
                    line.update(zip(groups, values))  # noqa: B905 - a third of the time with strict=True
                return place
        return NONE

    def _candidates(self, key: tuple[Any, ...]) -> tuple[_Candidate, ...]:
        value, *beginnings = key
        found = []
        for place, variant in enumerate(self.variants):
            allowed = None if self._path is None else _asked_for(variant.condition, self._path)
            if allowed is not None and value not in allowed:
                continue
            is_sure = allowed is not None and _asks_only(variant.condition)
            when = None if is_sure else variant.when
            if variant.regex is None:
                found.append(_Candidate(place, when, 0, None, ()))
                continue
            index = self._places[variant.of]
            beginning = beginnings[index]
            if beginning is not None and _may_begin(beginning, self._prefixes[place]):
                found.append(_Candidate(place, when, index, variant.regex.fullmatch, variant.groups))
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[key] = candidates = tuple(found)
        return candidates


def _add_some(line: Line, groups: tuple[str, ...], values: Sequence[str | None]) -> None:
    given = {name: value for name, value in zip(groups, values, strict=True) if value is not None}
    if not line.keys().isdisjoint(given):
        _make_way(line, given)
    line.update(given)


def _make_way(line: Line, groups: Iterable[str]) -> None:
    """Give what a line has under the name of a group another name, so that it is not lost."""
    for name in groups:
        if name in line:
            other = f"{name} (line)"
            while other in line:
                other += " (line)"
            line[other] = line.pop(name)


def _may_begin(beginning: str, prefixes: tuple[str, ...]) -> bool:
    return any(beginning.startswith(prefix[: len(beginning)]) for prefix in prefixes)


def _asked_most(conditions: Sequence[Condition]) -> str | None:
    """Return the path whose value most conditions ask to be one of some words; None when there is none."""
    paths = Counter(
        path
        for condition in conditions
        for path in {clause.path for alternative in condition for clause in alternative}
        if not parse_path(path).has_every and _asked_for(condition, path) is not None
    )
    return max(paths, key=lambda path: paths[path]) if paths else None


def _asked_for(condition: Condition | None, path: str) -> frozenset[str] | None:
    """Return the words that the value at a path must be one of for a condition to hold; None when it may be any."""
    if condition is None:
        return None
    words: set[str] = set()
    for alternative in condition:
        tests = [test for clause in alternative if clause.path == path for test in clause.tests]
        asked = [test.argument for test in tests if test.operator == "is"]
        if not asked:
            return None
        words.update(asked[0])
    return frozenset(words)


def _asks_only(condition: Condition | None) -> bool:
    """Return whether a condition asks for nothing but the one value."""
    return condition is not None and all(
        len(alternative) == 1 and len(alternative[0].tests) == 1 for alternative in condition
    )
