"""Conditions: what a profile asks of a line, and the Python expressions that ask it.

A condition is a list of alternatives, each of them clauses that must all hold.  A clause names a path and what its
value must be like; texts, numbers, true and false are compared as text.  A value that is missing (or null) is like
nothing: only ``{present: false}`` and ``{not: …}`` hold for it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from agent.profile.memo import Memo
from agent.profile.paths import parse_path, scalar_text

#: Operators that may be written in a condition, besides plain texts.
OPERATORS: Final = ("present", "not", "starts", "ends", "contains", "match", "below", "above")


#: Texts of which is remembered whether a regular expression fits, and how long they are at most.
_MATCHED_MAX: Final = 1024
_MATCHED_CHARACTERS_MAX: Final = 128


class Check(NamedTuple):
    """One thing asked of a value: an operator (``is`` or one of OPERATORS) and its argument."""

    operator: str
    argument: Any


class Clause(NamedTuple):
    """What is asked of the value at a path."""

    path: str
    tests: tuple[Check, ...]


Condition = tuple[tuple[Clause, ...], ...]


class Loaded(NamedTuple):
    """A value in generated code: its expression, whether it is always a text, and the condition that it is there.

    ``present`` is empty when it always is.
    """

    name: str
    is_text: bool
    present: str


#: What a path is in generated code; None when no line has it.
Load = Callable[[str], Loaded | None]


def present(path: str) -> Condition:
    """Return the condition that there is a value at a path."""
    return ((Clause(path, (Check("present", True),)),),)


def paths_of(condition: Condition) -> list[str]:
    """Return the paths that a condition looks at."""
    return [clause.path for alternative in condition for clause in alternative]


def expression_of(condition: Condition, load: Load, objects: dict[str, Any], *, remembers: bool = True) -> str:
    """Return the expression of a condition: ``True`` or ``False`` when no line can change it.

    Values of the profile come into it only by ``repr()`` or as ``objects``, to which it adds.  ``remembers``: whether
    texts come again, so that it pays to remember which of them a regular expression fits.
    """
    alternatives = [_all_of([_clause(clause, load, objects, remembers) for clause in each]) for each in condition]
    if "True" in alternatives:
        return "True"
    left = [each for each in dict.fromkeys(alternatives) if each != "False"]
    if not left:
        return "False"
    return left[0] if len(left) == 1 else f"({' or '.join(left)})"


def holds(tests: tuple[Check, ...], value: Any) -> bool:
    """Return whether a value is as asked."""
    return all(_CHECKS[test.operator](value, _prepared(test)) for test in tests)


def described(clause: Clause) -> str:
    """Return what a clause expects, in words."""
    return " and ".join(_described(test) for test in clause.tests)


def missed(condition: Condition, get: Callable[[str], Any]) -> str:
    """Return what a line does not fulfil, in words; ``get`` gets the value at a path."""
    first = ""
    for alternative in condition:
        for clause in alternative:
            value = get(clause.path)
            if not holds(clause.tests, value):
                given = "is missing" if value is None else f"is {value!r}"
                first = first or f"'{clause.path}' {given}, expected {described(clause)}"
                break
    return first if len(condition) == 1 else f"{first}, or one of {len(condition) - 1} other ways"


def _all_of(expressions: list[str]) -> str:
    if "False" in expressions:
        return "False"
    left = [each for each in expressions if each != "True"]
    return " and ".join(left) if left else "True"


def _clause(clause: Clause, load: Load, objects: dict[str, Any], remembers: bool) -> str:
    loaded = load(clause.path)
    if loaded is None:
        return str(holds(clause.tests, None))
    if parse_path(clause.path).has_every:  # a list of what was found
        name = _object(objects, _any_check(clause.tests))
        return f"{name}({loaded.name})"
    return _all_of([_test(test, loaded, objects, remembers) for test in clause.tests])


def _test(test: Check, loaded: Loaded, objects: dict[str, Any], remembers: bool) -> str:
    name = loaded.name
    if test.operator == "present":
        if not loaded.present:
            return str(test.argument)
        return loaded.present if test.argument else f"not ({loaded.present})"
    if test.operator in ("is", "not"):
        words = sorted(test.argument)
        sign = "" if test.operator == "is" else "not "
        quick = loaded.is_text or not any(map(_may_be_no_text, words))
        if quick and len(words) == 1:
            return f"{name} {'==' if test.operator == 'is' else '!='} {words[0]!r}"
        text = name if loaded.is_text else f"({name} if {name}.__class__ is str else scalar_text({name}))"
        return f"{text} {sign}in {_object(objects, frozenset(words))}"
    checked = f"{_object(objects, _check(test))}({name})"
    if test.operator in ("starts", "ends") and "" not in test.argument:
        asked = f"{name}.{test.operator}with({_object(objects, test.argument)})"
        return f"({asked} if {name}.__class__ is str else {checked})"
    if test.operator == "match" and remembers:
        memo = _object(objects, Memo(_check(test), max_=_MATCHED_MAX))
        short = f"{name}.__class__ is str and len({name}) < {_MATCHED_CHARACTERS_MAX}"
        return f"({memo}[{name}] if {short} else {checked})"
    return checked


def _may_be_no_text(word: str) -> bool:
    """Return whether a word may be the text of a number, true or false."""
    return word in ("true", "false") or word[:1] in "-0123456789" or word in ("inf", "nan")


def _object(objects: dict[str, Any], value: Any) -> str:
    name = f"test_{len(objects)}"
    objects[name] = value
    return name


def _check(test: Check) -> Callable[[Any], bool]:
    check, prepared = _CHECKS[test.operator], _prepared(test)
    return lambda value: check(value, prepared)


def _any_check(tests: tuple[Check, ...]) -> Callable[[list[tuple[Any, Any]]], bool]:
    """Return the check of a path with ``[]``: some element is as asked; none is, for ``not`` and ``present: false``."""
    against = [Check("is", test.argument) if test.operator == "not" else Check("present", True) for test in tests]
    checks = [
        (_check(plain), True) if test.operator == "not" or test == Check("present", False) else (_check(test), False)
        for test, plain in zip(tests, against, strict=True)
    ]

    def check(found: list[tuple[Any, Any]]) -> bool:
        return all(any(each(value) for value, _ in found) != negated for each, negated in checks)

    return check


def _prepared(test: Check) -> Any:
    return re.compile(test.argument) if test.operator == "match" else test.argument


def _number(value: Any) -> float | None:
    if value.__class__ is int or value.__class__ is float:
        return float(value)
    try:
        return float(value) if value.__class__ is str else None
    except ValueError:
        return None


def _is(value: Any, words: frozenset[str]) -> bool:
    return scalar_text(value) in words


def _is_not(value: Any, words: frozenset[str]) -> bool:
    return scalar_text(value) not in words


def _is_present(value: Any, wanted: bool) -> bool:
    return (value is not None) == wanted


def _starts(value: Any, starts: tuple[str, ...]) -> bool:
    text = scalar_text(value)
    return text is not None and text.startswith(starts)


def _ends(value: Any, ends: tuple[str, ...]) -> bool:
    text = scalar_text(value)
    return text is not None and text.endswith(ends)


def _contains(value: Any, parts: tuple[str, ...]) -> bool:
    text = scalar_text(value)
    return text is not None and any(part in text for part in parts)


def _matches(value: Any, regex: re.Pattern[str]) -> bool:
    text = scalar_text(value)
    return text is not None and regex.search(text) is not None


def _is_below(value: Any, limit: float) -> bool:
    number = _number(value)
    return number is not None and number < limit


def _is_above(value: Any, limit: float) -> bool:
    number = _number(value)
    return number is not None and number > limit


_CHECKS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "is": _is,
    "not": _is_not,
    "present": _is_present,
    "starts": _starts,
    "ends": _ends,
    "contains": _contains,
    "match": _matches,
    "below": _is_below,
    "above": _is_above,
}


def _described(test: Check) -> str:
    argument = test.argument
    if test.operator == "present":
        return "a value" if argument else "no value"
    if test.operator in ("is", "not"):
        return ("" if test.operator == "is" else "not ") + " or ".join(map(repr, sorted(argument)))
    words = " or ".join(map(repr, argument)) if isinstance(argument, tuple) else f"{argument!r}"
    return {
        "starts": f"a text that starts with {words}",
        "ends": f"a text that ends with {words}",
        "contains": f"a text that contains {words}",
        "match": f"a text that fits {words}",
        "below": f"a number below {argument:g}" if isinstance(argument, float) else "",
        "above": f"a number above {argument:g}" if isinstance(argument, float) else "",
    }[test.operator]
