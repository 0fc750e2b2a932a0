"""Which rules keep which others quiet, from the ``inhibits`` of all rules, with what is wrong with it."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from collector.detect.extension import Inhibits
from collector.detect.rule import Rule
from collector.finding import Inhibition
from watchbook.configfile import Problem


class Inhibiting(NamedTuple):
    """A rule that raises alerts, by which names it is called, and what it says of others."""

    rule: Rule
    names: Sequence[str]
    inhibits: tuple[Inhibits, ...]


def read_inhibitions(rules: Sequence[Inhibiting], problems: list[Problem]) -> tuple[Inhibition, ...]:
    """Return who keeps whom quiet, and add what is wrong to ``problems``.

    Rules that keep each other quiet, over however many others, are refused: nobody would hear of any of them.
    """
    by_name = {name: each.rule for each in rules for name in each.names}
    found: list[tuple[Inhibition, Inhibits]] = []
    for each in rules:
        for entry in each.inhibits:
            target = by_name.get(entry.rule.text())
            wrong = list(_problems(each.rule, target, entry, by_name))
            problems.extend(wrong)
            if target is not None and not wrong:
                equal = tuple(field.text() for field in entry.equal)
                found.append((Inhibition(each.rule.brief.id, target.brief.id, equal), entry))
    onward: dict[str, set[str]] = {}
    for inhibition, _ in found:
        onward.setdefault(inhibition.rule_id, set()).add(inhibition.inhibits)
    for inhibition, entry in found:
        if inhibition.rule_id in _reached(inhibition.inhibits, onward):
            problems.append(entry.rule.problem("keeps this rule quiet in turn: nobody would be told of either"))
    return tuple(inhibition for inhibition, _ in found)


def _problems(rule: Rule, target: Rule | None, entry: Inhibits, known: Mapping[str, Rule]) -> Iterator[Problem]:
    name = entry.rule.text()
    if target is None:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "give the 'name' or the 'id' of one in the same rule folders"
        yield entry.rule.problem(f"there is no rule {name!r} that raises alerts; {hint}")
        return
    for field in entry.equal:
        lacking = next((each for each in (rule, target) if field.text() not in each.group_by), None)
        if lacking is not None:
            grouped = ", ".join(lacking.group_by) or "nothing"
            yield field.problem(
                f"alerts of {lacking.brief.title!r} have no {field.text()!r}: that rule groups by {grouped}"
            )


def _reached(start: str, onward: Mapping[str, Iterable[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        rule = waiting.pop()
        if rule not in seen:
            seen.add(rule)
            waiting.extend(onward.get(rule, ()))
    return seen
