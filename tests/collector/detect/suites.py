"""Runs the tests of a rule (``rules/tests/*.yml``), and makes the small changes of it that they must notice."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from collector.block import DecodedBlock
from collector.detect import Rule, RuleSet
from collector.detect.condition import OF_VALUES, TEMPORAL
from collector.detect.expression import Atom, Compares, Equals, Expression, Not
from collector.detect.matcher import Matcher
from collector.detect.suite import Case, read_suite
from collector.rule_tests import blocks_of_case, judge
from tests.collector.detect.blocks import SECOND

T = TypeVar("T")


@cache
def cases_of(path: Path) -> tuple[tuple[Case, Sequence[DecodedBlock]], ...]:
    """Return the tests of a suite, each with its events as blocks."""
    return tuple((case, blocks_of_case(case)) for case in read_suite(path).cases)


def passes(rules: RuleSet, case: Case, blocks: Sequence[DecodedBlock]) -> bool:
    """Return whether the alerts of some rules are just those that the test expects."""
    return next(judge(rules, case, blocks), None) is None


def all_pass(rules: RuleSet, path: Path) -> bool:
    """Return whether all tests of a suite pass."""
    return all(passes(rules, case, blocks) for case, blocks in cases_of(path))


def changed_rules(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """Yield the rule with one small thing changed, in it or in a rule that it counts, and words for the change."""
    for at, fed in enumerate(rule.fed):
        for words, inner in changed_rules(fed.rule):
            if inner.group_by == fed.rule.group_by:  # the outer rule needs the group of the inner one
                feds = (*rule.fed[:at], replace(fed, rule=inner), *rule.fed[at + 1 :])
                yield f"inner {fed.place}: {words}", replace(rule, fed=feds)
    for place, matcher in enumerate(rule.matchers):
        for words, mutant in mutants(matcher.expression):
            matchers = (*rule.matchers[:place], Matcher(mutant), *rule.matchers[place + 1 :])
            yield f"detection {place}: {words}", replace(rule, matchers=matchers)
    yield from _grouped_otherwise(rule)
    if rule.condition.threshold != 1:  # else it is a detection
        yield from _counted_otherwise(rule)


def _grouped_otherwise(rule: Rule) -> Iterator[tuple[str, Rule]]:
    for place, field in enumerate(rule.group_by):
        fewer = replace(rule, group_by=_without(rule.group_by, place))
        if rule.group_fields:
            fewer = replace(fewer, group_fields=tuple(_without(fields, place) for fields in rule.group_fields))
        fed = tuple(replace(each, key=_without(each.key, place)) for each in rule.fed)
        yield f"not grouped by {field}", replace(fewer, fed=fed)


def _counted_otherwise(rule: Rule) -> Iterator[tuple[str, Rule]]:
    condition = rule.condition
    for seconds in (-1, 1):
        yield f"timespan {seconds:+} s", replace(rule, span_us=rule.span_us + seconds * SECOND)
    if condition.kind not in TEMPORAL:
        for step in (-1, 1):
            yield f"bound {step:+}", replace(rule, condition=replace(condition, bound=condition.bound + step))
    elif condition.kind == "temporal_ordered":
        last = condition.rules - 1
        feds = tuple(replace(each, place=last - each.place) for each in rule.fed)
        places = tuple(last - place for place in rule.places)
        if rule.fed:
            yield "the other way round", replace(rule, fed=feds, places=places)
        else:
            turned = replace(rule, matchers=rule.matchers[::-1], group_fields=rule.group_fields[::-1])
            yield "the other way round", turned
    if condition.kind in OF_VALUES:
        yield "events instead of values", replace(rule, condition=replace(condition, kind="event_count", fields=()))


def mutants(expression: Expression) -> Iterator[tuple[str, Expression]]:
    """Yield (words, the expression with one thing in it negated, left out or moved by one)."""
    if isinstance(expression, Atom):
        test = expression.test
        yield f"not {expression}", Not(expression)
        if isinstance(test, Equals) and len(test.texts) > 1:
            for text in sorted(test.texts):
                yield (
                    f"{expression.field} without {text!r}",
                    Atom(expression.field, Equals(test.texts - {text}, test.cased)),
                )
        if isinstance(test, Compares):
            for step in (-1, 1):
                yield f"{expression} {step:+}", Atom(expression.field, Compares(test.operator, test.number + step))
    elif isinstance(expression, Not):
        yield f"without 'not' before {expression.arg}", expression.arg
        yield from ((words, Not(mutant)) for words, mutant in mutants(expression.arg))
    else:
        kind, args = type(expression), expression.args
        for index, arg in enumerate(args):
            yield f"without {arg}", kind(args[:index] + args[index + 1 :])
            for words, mutant in mutants(arg):
                yield words, kind((*args[:index], mutant, *args[index + 1 :]))


def _without(values: tuple[T, ...], place: int) -> tuple[T, ...]:
    return values[:place] + values[place + 1 :]
