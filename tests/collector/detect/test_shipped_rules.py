"""The shipped rules fire on what they are for and stay quiet on near misses: ``rules/tests/*.yml`` says on what."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.block import DecodedBlock
from collector.detect import Rule, RuleSet, load_rules
from collector.detect.documents import read_documents, rule_files
from collector.detect.suite import Case, read_suite
from collector.detect.survey import surveyor_of
from collector.detect.view import BatchView
from tests.collector.detect.blocks import START, blocks_of
from tests.collector.detect.suites import all_pass, cases_of, changed_rules, passes
from watchbook.configfile import load
from watchbook.event import flatten
from watchbook.shipped import shipped_folder

RULES = shipped_folder("rules")
PROFILES = shipped_folder("config") / "profiles"
SUITES = sorted((RULES / "tests").glob("*.yml"))
BY_NAME = pytest.mark.parametrize("path", rule_files(RULES), ids=lambda path: path.stem)


def suite_of(path: Path) -> Path:
    return RULES / "tests" / path.name


def only(path: Path) -> Rule:
    (rule,) = load_rules([RULES / path.name]).rules
    return rule


@pytest.mark.parametrize(
    ("path", "case", "blocks"),
    [
        pytest.param(path, case, blocks, id=f"{path.stem}: {case.name}")
        for path in SUITES
        for case, blocks in cases_of(path)
    ],
)
def test_a_shipped_rule_does_what_its_tests_say(path: Path, case: Case, blocks: Sequence[DecodedBlock]) -> None:
    assert passes(RuleSet((only(path),)), case, blocks)


@BY_NAME
def test_the_tests_of_a_shipped_rule_notice_every_small_change_of_it(path: Path) -> None:
    unseen = [words for words, rule in changed_rules(only(path)) if all_pass(RuleSet((rule,)), suite_of(path))]
    assert unseen == []


@BY_NAME
def test_a_shipped_rule_says_what_on_call_staff_needs(path: Path) -> None:
    for document in read_documents(path):
        rule = document.plain()
        assert {"title", "id", "description", "level", "status"} <= rule.keys()
    brief = only(path).brief
    assert brief.response
    assert brief.falsepositives
    assert brief.tags
    suite = read_suite(suite_of(path))
    assert suite.rule == path.stem
    assert sum(bool(case.expect) for case in suite.cases) >= 3
    assert sum(not case.expect for case in suite.cases) >= 3


def test_the_rows_of_the_checklist_that_ask_for_rules_have_tests() -> None:
    shown = {row for path in SUITES for case in read_suite(path).cases for row in case.rows}
    assert shown == {10, 12, 27, 28, 29, 30, 33, 44, 59, 60, 122, 123}


def test_row_122_each_of_the_four_families_has_rules() -> None:
    tags = {tag for rule in load_rules([RULES]).rules for tag in rule.brief.tags if tag.startswith("watchbook.")}
    guide = (RULES.parent / "docs" / "rules.md").read_text(encoding="utf-8")
    assert tags == set(re.findall(r"`(watchbook\.[a-z-]+)`", guide))
    assert len(tags) == 4


def samples_of(profile: str) -> list[dict[str, Any]]:
    """Return the flat events of a profile's samples."""
    path = PROFILES / f"{profile}.yaml"
    samples = load(path).plain().get("samples", []) if path.is_file() else []
    events = [event for each in samples for event in each.get("events", [each["event"]] if "event" in each else [])]
    return [flatten(event) for event in events]


def lies_in(part: Any, whole: Any) -> bool:
    """Return whether objects have at least these members; all else is equal."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and lies_in(value, whole[name]) for name, value in part.items())
    return bool(part == whole)


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_the_events_of_the_tests_are_those_that_profiles_make(path: Path) -> None:
    if not any(samples_of(profile.stem) for profile in PROFILES.glob("*.yaml")):
        pytest.skip("the profiles here have no samples")
    for name, sample in read_suite(path).samples.items():
        wanted = {field: value for field, value in sample.items() if field != "origin.profile"}
        made = samples_of(str(sample["origin.profile"]))
        assert any(lies_in(wanted, event) for event in made), f"{path.name}: {name}"


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
