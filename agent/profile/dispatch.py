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
from agent.profile.regexes import BEGINNING, groups_always, prefixes_of

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


#: Whether a text fits a pattern; adds its groups to the line if it does.
Fit = Callable[[Line, str], bool]


class _Candidate(NamedTuple):
    place: int
    when: Test | None
    text: int
    fit: Fit | None


class Dispatch:
    """Finds the first variant that a line is of.

    ``get`` makes what gets the value at a path of a line.  ``line_keys`` are the keys that lines can have besides the
    groups of variants, None when there may be any.  ``find`` returns the place of the first variant that a line is of,
    NONE without one, and adds its groups to the line.
    """

    def __init__(
        self,
        variants: Sequence[Variant],
        get: Callable[[str], Callable[[Line], Any]],
        line_keys: frozenset[str] | None = None,
    ) -> None:
        self.variants = tuple(variants)
        ofs = list(dict.fromkeys(each.of for each in variants if each.regex is not None))
        self._gets = tuple(get(of) for of in ofs)
        self._places = {of: index for index, of in enumerate(ofs)}
        self._prefixes = [() if each.regex is None else prefixes_of(each.regex) for each in variants]
        self._path = _asked_most([each.condition for each in variants if each.condition is not None])
        self._asked = None if self._path is None else get(self._path)
        self._remembered: dict[tuple[Any, ...], tuple[_Candidate, ...]] = {}
        self._fits = [None if each.regex is None else _fit(each, line_keys) for each in variants]
        self.find: Callable[[Line], int] = self._function()

    def _function(self) -> Callable[[Line], int]:
        """Return ``find``, written for so many texts."""
        code = []
        if self._asked is not None:
            code += ["asked = get_asked(d)", "asked = asked if asked.__class__ is str else scalar_text(asked)"]
        else:
            code.append("asked = None")
        texts = [f"text_{index}" for index in range(len(self._gets))]
        code += [f"{text} = get_{text}(d)" for text in texts]
        key = "".join(f", {text}[:{BEGINNING}] if {text}.__class__ is str else None" for text in texts)
        text = texts[0] if len(texts) == 1 else f"({', '.join(texts)})[index]"
        code += [
            f"key = (asked, {key.removeprefix(', ')})" if texts else "key = (asked,)",
            "found = remembered.get(key)",
            "for place, when, index, fit in found if found is not None else candidates(key):",
            f"    if (when is None or when(d)) and (fit is None or fit(d, {text})):" if texts
            else "    if when is None or when(d):",
            "        return place",
            f"return {NONE}",
        ]  # fmt: skip
        names: dict[str, Any] = {"remembered": self._remembered, "candidates": self._candidates}
        names |= {"get_asked": self._asked, "scalar_text": scalar_text}
        names |= {f"get_{text}": get for text, get in zip(texts, self._gets, strict=True)}
        source = "\n".join(["def find(d):", *(f"    {line}" for line in code), ""])
        exec(compile(source, "<dispatching>", "exec"), names)  # noqa: S102 - nothing of a profile is in it
        find: Callable[[Line], int] = names["find"]
        return find

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
                found.append(_Candidate(place, when, 0, None))
                continue
            index = self._places[variant.of]
            beginning = beginnings[index]
            if beginning is not None and _may_begin(beginning, self._prefixes[place]):
                found.append(_Candidate(place, when, index, self._fits[place]))
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[key] = candidates = tuple(found)
        return candidates


def _fit(variant: Variant, line_keys: frozenset[str] | None) -> Fit:
    """Return what says whether a text fits a pattern, and adds its groups to the line: written out, group by group."""
    groups = variant.groups
    assert variant.regex is not None
    names: dict[str, Any] = {"fullmatch": variant.regex.fullmatch, "add_some": _add_some, "groups": groups}
    code = ["found = fullmatch(text)", "if found is None:", "    return False"]
    if groups:
        code.append(f"{' '.join(f'g{index},' for index in range(len(groups)))} = values = found.groups()")
        if line_keys is None or not line_keys.isdisjoint(groups):
            code += ["if not d.keys().isdisjoint(groups):", "    add_some(d, groups, values)", "    return True"]
        always = groups_always(variant.regex)
        for index, group in enumerate(groups):
            if group not in always:
                code.append(f"if g{index} is not None:")
            code.append(f"{'' if group in always else '    '}d[{group!r}] = g{index}")
    source = "\n".join(["def fit(d, text):", *(f"    {line}" for line in [*code, "return True"]), ""])
    exec(compile(source, f"<fitting {variant.name}>", "exec"), names)  # noqa: S102 - groups only by repr()
    fit: Fit = names["fit"]
    return fit


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
