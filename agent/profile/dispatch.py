"""Which of many patterns, or cases, a line is of, without asking each of them.

Two things are looked at first: how the text begins (a regular expression mostly begins with words of its own), and the
values that most conditions ask for (the program, the event's name).  What is left to be asked for such a beginning and
such values is remembered; of the values only the words that some condition names count, so that there are few.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.profile.conditions import Check, Condition
from agent.profile.paths import parse_path, scalar_text
from agent.profile.regexes import BEGINNING, groups_always, prefixes_of

Line = dict[str, Any]
Test = Callable[[Line], bool]
#: Stands for no pattern, or no case.
NONE: Final = -1
#: Ways to begin that are remembered; the memory starts afresh when it is full.
REMEMBERED_MAX: Final = 4096
#: Values that are looked at first.
_ASKED_MAX: Final = 4


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


#: By the keys of a line, in order: what makes the row of such a line, and of the groups of the pattern that its text
#: fits, None when that takes more than this.
Rows = Mapping[tuple[str, ...], Callable[[Line, Sequence[str | None], int], tuple[Any, ...] | None]]


class _Candidate(NamedTuple):
    place: int
    when: Test | None
    text: int
    fit: Fit | None
    fullmatch: Callable[[str], re.Match[str] | None] | None


class Dispatch:
    """Finds the first variant that a line is of.

    ``get`` makes what gets the value at a path of a line.  ``line_keys`` are the keys that lines can have besides the
    groups of variants, None when there may be any.  ``key_of`` returns the key that a path stands for, None when it is
    more than that.  ``find`` returns the place of the first variant that a line is of,
    NONE without one, and adds its groups to the line.
    """

    def __init__(
        self,
        variants: Sequence[Variant],
        get: Callable[[str], Callable[[Line], Any]],
        line_keys: frozenset[str] | None = None,
        key_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self.variants = tuple(variants)
        ofs = list(dict.fromkeys(each.of for each in variants if each.regex is not None))
        self._places = {of: index for index, of in enumerate(ofs)}
        self._prefixes = [() if each.regex is None else prefixes_of(each.regex) for each in variants]
        #: Paths of the values that are looked at first, with the words that conditions name.
        self._asked = _asked_most([each.condition for each in variants if each.condition is not None])
        self._remembered: dict[tuple[Any, ...], tuple[_Candidate, ...]] = {}
        self._fits = [None if each.regex is None else _fit(each, line_keys) for each in variants]
        self._get, self._key_of = get, key_of
        looks, text, names = self._looks()
        code = [
            *looks,
            "for place, when, index, fit, _ in found if found is not None else candidates(key):",
            f"    if (when is None or when(d)) and (fit is None or fit(d, {text})):" if text
            else "    if when is None or when(d):",
            "        return place",
            f"return {NONE}",
        ]  # fmt: skip
        self.find: Callable[[Line], int] = _function("find(d)", code, names)

    def row_maker(
        self, rows: Sequence[Rows], before: Sequence[str], otherwise: str, objects: Mapping[str, Any]
    ) -> Callable[[Line, int], tuple[Any, ...]]:
        """Return what makes the row of a line ``d``, read at ``read_us``, from what a pattern finds in its text.

        ``rows`` are those of each variant, all of which must have a regular expression.  The statements ``before`` come
        first, ``otherwise`` when no pattern fits; they use ``objects``.
        """
        looks, text, names = self._looks()
        code = [
            *before,
            *looks,
            "for place, when, index, _, fullmatch in found if found is not None else candidates(key):",
            f"    if (when is None or when(d)) and (found := fullmatch({text})) is not None:",
            "        return rows[place][tuple(d)](d, found.groups(), read_us)",
            otherwise,
        ]
        made: Callable[[Line, int], tuple[Any, ...]]
        made = _function("row_of(d, read_us)", code, {**names, **objects, "rows": rows})
        return made

    def _looks(self) -> tuple[list[str], str, dict[str, Any]]:
        """Return the statements that look at a line first, the expression of a candidate's text, and their objects.

        They set ``key``, and ``found`` to the candidates remembered for it.
        """
        get, key_of = self._get, self._key_of
        names: dict[str, Any] = {"remembered": self._remembered, "candidates": self._candidates}
        names["scalar_text"] = scalar_text
        code: list[str] = []

        def load(name: str, path: str) -> None:
            key = key_of(path)
            names[f"get_{name}"] = get(path)
            code.append(f"{name} = get_{name}(d)" if key is None else f"{name} = d.get({key!r})")

        for index, (path, words) in enumerate(self._asked.items()):
            name = f"asked_{index}"
            load(name, path)
            names[f"words_{index}"] = words
            code += [
                f"if {name}.__class__ is not str and {name} is not None:",
                f"    {name} = scalar_text({name})",
                f"if {name} not in words_{index}:",
                f"    {name} = None",
            ]
        texts = [f"text_{index}" for index in range(len(self._places))]
        for text, path in zip(texts, self._places, strict=True):
            load(text, path)
        key = [f"asked_{index}" for index in range(len(self._asked))]
        key += [f"{text}[:{BEGINNING}] if {text}.__class__ is str else None" for text in texts]
        code += [f"key = ({' '.join(f'{part},' for part in key)})", "found = remembered.get(key)"]
        return code, "" if not texts else texts[0] if len(texts) == 1 else f"({', '.join(texts)})[index]", names

    def _candidates(self, key: tuple[Any, ...]) -> tuple[_Candidate, ...]:
        known = dict(zip(self._asked, key, strict=False))
        beginnings = key[len(known) :]
        found = []
        for place, variant in enumerate(self.variants):
            holds = None if variant.condition is None else _holds(variant.condition, self._asked, known)
            if holds is False:
                continue
            when = None if holds else variant.when
            if variant.regex is None:
                found.append(_Candidate(place, when, 0, None, None))
                continue
            index = self._places[variant.of]
            beginning = beginnings[index]
            if beginning is not None and _may_begin(beginning, self._prefixes[place]):
                found.append(_Candidate(place, when, index, self._fits[place], variant.regex.fullmatch))
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[key] = candidates = tuple(found)
        return candidates


def _function(head: str, code: Sequence[str], names: dict[str, Any]) -> Callable[..., Any]:
    source = "\n".join([f"def {head}:", *(f"    {line}" for line in code), ""])
    exec(compile(source, "<dispatching>", "exec"), names)  # noqa: S102 - values of a profile only by repr()
    made: Callable[..., Any] = names[head.partition("(")[0]]
    return made


def _fit(variant: Variant, line_keys: frozenset[str] | None) -> Fit:
    """Return what says whether a text fits a pattern, and adds its groups to the line: written out, group by group."""
    groups = variant.groups
    assert variant.regex is not None
    names: dict[str, Any] = {"fullmatch": variant.regex.fullmatch, "add_some": add_groups, "groups": groups}
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


def add_groups(line: Line, groups: tuple[str, ...], values: Sequence[str | None]) -> None:
    """Add the groups that a text has to its line; what the line has under the same name gets another one."""
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


def _asked_most(conditions: Sequence[Condition]) -> dict[str, frozenset[str]]:
    """Return the paths whose values most conditions ask to be some words, or not to be, and all these words."""
    words: dict[str, set[str]] = {}
    asking = Counter[str]()
    for condition in conditions:
        named = [(clause.path, test) for alternative in condition for clause in alternative for test in clause.tests]
        named = [(path, test) for path, test in named if _names_words(test) and not parse_path(path).has_every]
        asking.update({path for path, _ in named})
        for path, test in named:
            words.setdefault(path, set()).update(test.argument)
    often = [path for place, (path, count) in enumerate(asking.most_common(_ASKED_MAX)) if count > 1 or not place]
    return {path: frozenset(words[path]) for path in often}


def _names_words(test: Check) -> bool:
    return test.operator in ("is", "not")


def _holds(condition: Condition, words: Mapping[str, frozenset[str]], known: Mapping[str, Any]) -> bool | None:
    """Return whether a condition holds for lines with known values, None when there is more to be asked.

    A known value is one of its path's ``words``, None for any other value and for none.
    """
    is_open = False
    for alternative in condition:
        tests = [(clause.path, test) for clause in alternative for test in clause.tests]
        told = [(path, test) for path, test in tests if path in words and _names_words(test)]
        if any((known[path] in test.argument) != (test.operator == "is") for path, test in told):
            continue
        if len(told) == len(tests):
            return True
        is_open = True
    return None if is_open else False
