"""The shipped rules fire on what they are for and stay quiet on near misses: ``rules/tests/*.yml`` says on what."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collector.detect import DetectSettings, Engine, RuleSet, load_rules
from collector.detect.documents import read_documents, rule_files
from collector.detect.expression import Atom, Compares, Equals, Expression, Not
from collector.detect.matcher import Matcher
from collector.detect.survey import surveyor_of
from collector.detect.view import BatchView
from tests.collector.detect.blocks import START, blocks_of
from watchbook.configfile import load
from watchbook.shipped import shipped_folder
from watchbook.units import parse_duration

RULES = shipped_folder("rules")
RESERVED = {"repeat", "every", "at"}


def cases() -> list[Any]:
    found = []
    for path in sorted((RULES / "tests").glob("*.yml")):
        suite = load(path).plain()
        for case in suite["tests"]:
            found.append(pytest.param(suite, case, id=f"{suite['rule']}: {case['name']}"))
    return found


def events_of(suite: Mapping[str, Any], case: Mapping[str, Any]) -> list[dict[str, Any]]:
    events = []
    for entry in case["events"]:
        fields = {**suite.get("defaults", {}), **{k: v for k, v in entry.items() if k not in RESERVED}}
        begin, every = (round(parse_duration(entry.get(key, "0s")) * 1e6) for key in ("at", "every"))
        for index in range(entry.get("repeat", 1)):
            events.append({"time": START + begin + index * every, **fields})
    return sorted(events, key=lambda item: item["time"])


def only(name: str) -> RuleSet:
    return load_rules([RULES / f"{name}.yml"])


def passes(rules: RuleSet, suite: Mapping[str, Any], case: Mapping[str, Any]) -> bool:
    engine = Engine(rules, DetectSettings())
    alerts = {}
    for block in blocks_of(events_of(suite, case), size=7):
        alerts.update({change.alert.id: change.alert for change in engine.process(block)})
    found = [{"group": dict(alert.group), "count": alert.events} for alert in alerts.values()]
    return sorted(found, key=str) == sorted(case["expect"], key=str)


def mutants(expression: Expression) -> Iterator[Expression]:
    """Yield the expression with one thing in it negated, left out or moved by one."""
    if isinstance(expression, Atom):
        yield Not(expression)
        test = expression.test
        if isinstance(test, Equals) and len(test.texts) > 1:
            yield from (Atom(expression.field, Equals(test.texts - {text}, test.cased)) for text in sorted(test.texts))
        if isinstance(test, Compares):
            yield Atom(expression.field, Compares("gt", test.number))
    elif isinstance(expression, Not):
        yield expression.arg
        yield from map(Not, mutants(expression.arg))
    else:
        kind, args = type(expression), expression.args
        for index, arg in enumerate(args):
            yield kind(args[:index] + args[index + 1 :])
            yield from (kind((*args[:index], mutant, *args[index + 1 :])) for mutant in mutants(arg))


@pytest.mark.parametrize(("suite", "case"), cases())
def test_a_shipped_rule_does_what_its_tests_say(suite: Mapping[str, Any], case: Mapping[str, Any]) -> None:
    assert passes(only(suite["rule"]), suite, case)


@pytest.mark.parametrize("path", rule_files(RULES), ids=lambda path: path.stem)
def test_the_tests_of_a_shipped_rule_notice_every_small_change_of_it(path: Path) -> None:
    suite = load(RULES / "tests" / path.name).plain()
    (rule,) = load_rules([path]).rules
    for mutant in mutants(rule.matchers[0].expression):
        changed = RuleSet((replace(rule, matchers=(Matcher(mutant),)),))
        assert not all(passes(changed, suite, case) for case in suite["tests"]), mutant


@pytest.mark.parametrize("path", rule_files(RULES), ids=lambda path: path.stem)
def test_a_shipped_rule_says_what_on_call_staff_needs(path: Path) -> None:
    assert (RULES / "tests" / path.name).is_file()
    for document in read_documents(path):
        rule = document.plain()
        assert {"title", "id", "description", "level", "status"} <= rule.keys()
    (compiled,) = load_rules([path]).rules
    assert compiled.brief.response
    assert compiled.brief.falsepositives
    assert compiled.brief.tags
    suite = load(RULES / "tests" / path.name).plain()
    assert any(case["expect"] for case in suite["tests"])
    assert any(not case["expect"] for case in suite["tests"])


def test_shipped_rules_are_decided_on_columns_so_that_quiet_batches_cost_little() -> None:
    quiet = [
        {"time": START, "actor.type": "user", "action": "update", "outcome": "success", "event_type": "plan_updated",
         "resource.type": "plan", "details": {"n": number}, "changes": [{"field": "seats", "new": number % 3}]}
        for number in range(100)
    ]  # fmt: skip
    for rule in load_rules([RULES]).rules:
        for matcher in rule.matchers:
            view = BatchView(blocks_of(quiet)[0].batch)
            assert surveyor_of(matcher.expression)(view) == (False, False)
            assert view.decoded("changes") <= 3
            assert view.decoded("details") == 0
