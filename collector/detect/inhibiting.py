"""Which rules keep which others quiet, from the ``inhibits`` of all rules, with what is wrong with it."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from collector.detect.compiled import Compiled
from collector.detect.extension import Inhibits
from collector.detect.rule import Rule
from collector.finding import Inhibition
from watchbook.configfile import Problem


def read_inhibitions(
    rules: Sequence[Rule], documents: Sequence[Compiled], problems: list[Problem]
) -> tuple[Inhibition, ...]:
    """Return who keeps whom quiet, and add what is wrong to ``problems``.

    Rules that keep each other quiet, over however many others, are refused: nobody would hear of any of them.
    """
    by_id = {rule.brief.id: rule for rule in rules}
    raising = [(document, by_id[document.id]) for document in documents if document.id in by_id]
    by_name = {name: rule for document, rule in raising for name in document.names}
    found: list[tuple[Inhibition, Compiled, Inhibits]] = []
    for document, rule in raising:
        for entry in document.extension.inhibits:
            target = by_name.get(entry.rule)
            wrong = list(_problems(document, rule, target, entry, by_name))
            problems.extend(wrong)
            if target is not None and not wrong:
                found.append((Inhibition(rule.brief.id, target.brief.id, entry.equal), document, entry))
    onward: dict[str, set[str]] = {}
    for inhibition, _, _ in found:
        onward.setdefault(inhibition.rule_id, set()).add(inhibition.inhibits)
    for inhibition, document, entry in found:
        if inhibition.rule_id in _reached(inhibition.inhibits, onward):
            text = "keeps this rule quiet in turn: nobody would be told of either"
            problems.append(Problem(document.path, *entry.place, text))
    return tuple(inhibition for inhibition, _, _ in found)


def _problems(
    document: Compiled, rule: Rule, target: Rule | None, entry: Inhibits, known: Mapping[str, Rule]
) -> Iterator[Problem]:
    if target is None:
        close = difflib.get_close_matches(entry.rule, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "give the 'name' or the 'id' of one in the same rule folders"
        text = f"there is no rule {entry.rule!r} that raises alerts; {hint}"
        yield Problem(document.path, *entry.place, text)
        return
    for field, place in zip(entry.equal, entry.equal_places, strict=True):
        lacking = next((each for each in (rule, target) if field not in each.group_by), None)
        if lacking is not None:
            grouped = ", ".join(lacking.group_by) or "nothing"
            text = f"alerts of {lacking.brief.title!r} have no {field!r}: that rule groups by {grouped}"
            yield Problem(document.path, *place, text)


def _reached(start: str, onward: Mapping[str, Iterable[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        rule = waiting.pop()
        if rule not in seen:
            seen.add(rule)
            waiting.extend(onward.get(rule, ()))
    return seen
