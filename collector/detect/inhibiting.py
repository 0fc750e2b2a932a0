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

    Rules that keep each other quiet, over however many others, are refused: nobody would hear of any of them.  A rule
    that is not there, and is called like none that is, is no mistake: whoever copies a rule need not copy those that
    it keeps quiet (:func:`idle_inhibitions` says where).
    """
    raising, by_name = _raising(rules, documents)
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


def idle_inhibitions(rules: Sequence[Rule], documents: Sequence[Compiled]) -> Iterator[Problem]:
    """Yield a remark for each rule that is to be kept quiet and is not there."""
    raising, by_name = _raising(rules, documents)
    for document, _ in raising:
        for entry in document.extension.inhibits:
            if entry.rule not in by_name and not _close(entry.rule, by_name):
                text = f"there is no rule {entry.rule!r} that raises alerts, so none of it is kept quiet"
                yield Problem(document.path, *entry.place, text)


def _raising(
    rules: Sequence[Rule], documents: Sequence[Compiled]
) -> tuple[list[tuple[Compiled, Rule]], dict[str, Rule]]:
    """Return the documents that raise alerts with their rules, and these by all their names."""
    by_id = {rule.brief.id: rule for rule in rules}
    raising = [(document, by_id[document.id]) for document in documents if document.id in by_id]
    return raising, {name: rule for document, rule in raising for name in document.names}


def _close(name: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, known, n=1, cutoff=0.7)


def _problems(
    document: Compiled, rule: Rule, target: Rule | None, entry: Inhibits, known: Mapping[str, Rule]
) -> Iterator[Problem]:
    if target is None:
        for close in _close(entry.rule, known):
            text = f"there is no rule {entry.rule!r} that raises alerts; did you mean {close!r}?"
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
