"""What a regular expression tells by how it is written: how its texts begin, and whether its groups tell all."""

import re
from collections.abc import Iterable, Iterator
from re import _constants, _parser  # no public name tells how an expression is made
from typing import Any, Final

#: Characters of a text that are looked at.
BEGINNING: Final = 12
#: Ways to begin of one regular expression; one with more may begin with anything.
_PREFIXES_MAX: Final = 16


def prefixes_of(regex: re.Pattern[str]) -> tuple[str, ...]:
    """Return texts one of which each text that the regular expression fits begins with; ``("",)``: any text."""
    if regex.flags & (re.IGNORECASE | re.VERBOSE):
        return ("",)
    found, _ = _begin(_parser.parse(regex.pattern))
    return tuple(found)


def _begin(items: Iterable[tuple[Any, Any]]) -> tuple[list[str], bool]:
    """Return how a sequence of parsed items may begin, and whether these are all it can be (nothing follows)."""
    prefixes, whole = [""], True
    for operator, argument in items:
        added, ends = _item(str(operator), argument)
        prefixes = [prefix + more for prefix in prefixes for more in added]
        if len(prefixes) > _PREFIXES_MAX:
            return [""], False
        whole = ends
        if not whole or all(len(prefix) >= BEGINNING for prefix in prefixes):
            return prefixes, False
    return prefixes, whole


def _item(operator: str, argument: Any) -> tuple[list[str], bool]:
    if operator == "LITERAL":
        return [chr(argument)], True
    if operator == "AT":  # a position has no width
        return [""], True
    if operator == "SUBPATTERN":
        return _begin(argument[-1]) if not argument[1] and not argument[2] else ([""], False)
    if operator == "ATOMIC_GROUP":
        return _begin(argument)
    if operator == "BRANCH":
        found = [_begin(branch) for branch in argument[1]]
        return [prefix for prefixes, _ in found for prefix in prefixes], all(whole for _, whole in found)
    if operator in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = argument
        prefixes, whole = _begin(inner)
        if least == 0 and most == 1 and whole:
            return ["", *prefixes], True
        return (prefixes, False) if least else ([""], False)
    return [""], False


def groups_always(regex: re.Pattern[str]) -> frozenset[str]:
    """Return the names of the groups that every text that a regular expression fits has."""
    names = {number: name for name, number in regex.groupindex.items()}
    return frozenset(names[number] for number in _always(_parser.parse(regex.pattern, regex.flags)) if number in names)


def groups_sure(regex: re.Pattern[str]) -> frozenset[str]:
    """Return the names of the groups in which every text that a regular expression fits has at least a character."""
    names = {number: name for name, number in regex.groupindex.items()}
    parsed = _parser.parse(regex.pattern, regex.flags)
    return frozenset(names[number] for number in _always(parsed, 1) if number in names)


def _always(items: Iterable[tuple[Any, Any]], width_min: int = 0) -> Iterator[int]:
    for operator, argument in items:
        if str(operator) == "SUBPATTERN":
            if argument[0] is not None and argument[-1].getwidth()[0] >= width_min:
                yield argument[0]
            yield from _always(argument[-1], width_min)
        elif str(operator) == "ATOMIC_GROUP":
            yield from _always(argument, width_min)


def tells_all(regex: str) -> bool:
    """Return whether every text that a regular expression fits can be had back from its named groups.

    What stands outside of them must be the same in every such text, but for white space.
    """
    return not re.compile(regex).flags & re.IGNORECASE and _is_fixed(_parser.parse(regex))


def _is_fixed(items: Iterable[tuple[Any, Any]]) -> bool:
    return all(_is_fixed_item(str(operator), argument) for operator, argument in items)


def _is_fixed_item(operator: str, argument: Any) -> bool:
    if operator in ("LITERAL", "AT", "ASSERT", "ASSERT_NOT", "GROUPREF"):
        return True
    if operator == "SUBPATTERN":
        return argument[0] is not None or (not argument[1] and _is_fixed(argument[-1]))
    if operator == "ATOMIC_GROUP":
        return _is_fixed(argument)
    if operator == "IN":
        return all(kind is _constants.CATEGORY and what is _constants.CATEGORY_SPACE for kind, what in argument)
    if operator in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = argument
        return (least == most and _is_fixed(inner)) or _is_space(inner)
    return False


def _is_space(items: Iterable[tuple[Any, Any]]) -> bool:
    return all(
        (str(operator) == "LITERAL" and chr(argument).isspace())
        or (str(operator) == "IN" and _is_fixed_item("IN", argument))
        for operator, argument in items
    )
