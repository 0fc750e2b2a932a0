"""The shipped rules fire on what they are for and stay quiet on near misses: ``rules/tests/*.yml`` says on what."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from collector.detect import DetectSettings, Engine, RuleSet, load_rules
from collector.detect.documents import read_documents, rule_files
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


@pytest.mark.parametrize(("suite", "case"), cases())
def test_a_shipped_rule_does_what_its_tests_say(suite: Mapping[str, Any], case: Mapping[str, Any]) -> None:
    engine = Engine(only(suite["rule"]), DetectSettings())
    alerts = {}
    for block in blocks_of(events_of(suite, case), size=7):
        alerts.update({change.alert.id: change.alert for change in engine.process(block)})
    found = [{"group": dict(alert.group), "count": alert.events} for alert in alerts.values()]
    key = str
    assert sorted(found, key=key) == sorted(case["expect"], key=key)


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


def test_every_shipped_rule_has_a_witness_so_that_quiet_batches_cost_nothing() -> None:
    for rule in load_rules([RULES]).rules:
        assert all(matcher.witness for matcher in rule.matchers)
