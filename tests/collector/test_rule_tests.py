"""``watchbook rules test``: what is found, what is said of a test that fails, and the JUnit file."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from watchbook.cli import cli

DETECTION = """
title: Night login
name: night_login
id: 11111111-1111-4111-8111-111111111111
level: medium
logsource: {product: watchbook}
detection:
  selection: {action: login, outcome: success}
  weekday: {details.shift|contains: night}
  condition: selection and not weekday
watchbook: {group-by: [actor.id, source.ip]}
"""
CORRELATION = """
title: Failed
name: failed
id: 22222222-2222-4222-8222-222222222222
logsource: {product: watchbook}
detection: {selection: {outcome: failure}, condition: selection}
---
title: Many failed
name: many_failed
id: 33333333-3333-4333-8333-333333333333
level: high
correlation: {type: event_count, rules: [failed], group-by: [actor.id], timespan: 5m, condition: {gte: 5}}
"""
SUITE = """
rule: night_login
defaults: {actor.type: user, actor.id: alice, action: login, outcome: success, source.ip: 10.0.0.1}
tests:
  - name: a login
    events: [{}]
    expect: [{group: {actor.id: alice, source.ip: 10.0.0.1}, count: 1}]
  - name: a login of the night shift
    events: [{details: {shift: night}}]
    expect: []
"""
MANY_SUITE = """
rule: many_failed
defaults: {actor.type: user, actor.id: bob, action: login, outcome: failure}
tests:
  - name: five
    events: [{repeat: 5, every: 20s}]
    expect: [{group: {actor.id: bob}, count: 5}]
"""


def rules(folder: Path, *, suite: str = SUITE, many: str = MANY_SUITE) -> Path:
    """Write two rules and their tests."""
    (folder / "tests").mkdir(parents=True)
    (folder / "night_login.yml").write_text(DETECTION)
    (folder / "many_failed.yml").write_text(CORRELATION)
    (folder / "tests" / "night_login.yml").write_text(suite)
    (folder / "tests" / "many_failed.yml").write_text(many)
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, ["rules", "test", *map(str, words)])


def test_the_shipped_rules_pass_their_tests() -> None:
    done = run()
    assert done.exit_code == 0, done.output
    assert "none failed" in done.output


@pytest.mark.parametrize("path", [".", "tests", "night_login.yml", "tests/night_login.yml"])
def test_a_folder_a_rule_and_a_suite_lead_to_the_tests(tmp_path: Path, path: str) -> None:
    done = run(rules(tmp_path / "mine") / path, "--verbose")
    assert done.exit_code == 0, done.output
    assert "ok     night_login: a login\n" in done.output
    assert ("2 rules, 3 tests" if path in (".", "tests") else "1 rule, 2 tests") in done.output


def test_a_test_that_fails_says_what_came_and_which_test_of_which_event_stood_in_the_way(tmp_path: Path) -> None:
    suite = SUITE.replace("events: [{}]", "events: [{outcome: failure}, {outcome: failure, action: read}]")
    done = run(rules(tmp_path / "mine", suite=suite))
    assert done.exit_code == 1
    assert done.stdout == (
        f"FAILED night_login: a login ({tmp_path}/mine/tests/night_login.yml:5)\n"
        "  expected {actor.id: alice, source.ip: 10.0.0.1} count 1\n"
        "  got      no alert\n"
        "  no event of 2 matches 'night_login'; of the nearest:\n"
        "    event 1: outcome is 'success', it is 'failure'\n"
        "    event 2: action is 'login', it is 'read', and outcome is 'success', it is 'failure'\n"
    )
    assert "2 rules, 3 tests, 1 failed" in done.stderr


def test_a_near_miss_that_fires_shows_the_alert(tmp_path: Path) -> None:
    done = run(rules(tmp_path / "mine", suite=SUITE.replace("shift: night", "shift: day")))
    assert done.exit_code == 1
    assert "expected no alert\n  got      {actor.id: alice, source.ip: 10.0.0.1} count 1\n" in done.stdout


def test_a_negation_that_stood_in_the_way_is_named(tmp_path: Path) -> None:
    suite = SUITE.replace("expect: []", "expect: [{group: {actor.id: alice, source.ip: 10.0.0.1}, count: 1}]")
    done = run(rules(tmp_path / "mine", suite=suite))
    assert "details.shift is like '*night*' must not hold, it is 'night'" in done.stdout


def test_a_correlation_that_has_not_enough_says_what_is_missing(tmp_path: Path) -> None:
    done = run(rules(tmp_path / "mine", many=MANY_SUITE.replace("repeat: 5", "repeat: 3")))
    assert "the last window of {actor.id: bob} holds 3 events; missing: 2 more events" in done.stdout


def test_matches_of_another_group_are_named(tmp_path: Path) -> None:
    done = run(rules(tmp_path / "mine", many=MANY_SUITE.replace("group: {actor.id: bob}", "group: {actor.id: eve}")))
    assert "what matches is of other groups than {actor.id: eve}: {actor.id: bob}" in done.stdout


def test_an_event_without_a_field_to_group_by_is_named(tmp_path: Path) -> None:
    many = MANY_SUITE.replace("actor.id: bob, ", "")
    done = run(rules(tmp_path / "mine", many=many))
    assert "event 1 matches, but does not count: it has no actor.id to group by" in done.stdout


def test_junit_holds_every_test_and_why_it_failed(tmp_path: Path) -> None:
    suite = SUITE.replace("shift: night", "shift: day")
    done = run(rules(tmp_path / "mine", suite=suite), "--junit", tmp_path / "rules.xml")
    assert done.exit_code == 1
    root = ElementTree.parse(tmp_path / "rules.xml").getroot()
    counts = {each.get("name"): (each.get("tests"), each.get("failures")) for each in root}
    assert counts == {"night_login": ("2", "1"), "many_failed": ("1", "0")}
    (failed,) = root.iter("failure")
    assert failed.text is not None
    assert failed.text.startswith("expected no alert\ngot ")


def test_only_takes_rules_or_tests_of_a_name(tmp_path: Path) -> None:
    folder = rules(tmp_path / "mine")
    assert "1 rule, 1 test" in run(folder, "--only", "night shift").output
    assert "1 rule, 1 test" in run(folder, "--only", "many").output
    none = run(folder, "--only", "zebra")
    assert (none.exit_code, "no test with 'zebra'" in none.output) == (1, True)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (SUITE.replace("rule: night_login", "rule: nite_login"), "there is no rule 'nite_login' beside these tests"),
        (SUITE.replace("rule: night_login", "rule: failed"), "'failed' raises no alerts of its own"),
        (SUITE.replace("expect: []", "expects: []"), "there is no such option"),
        ("rule: [", "is no YAML"),
    ],
)
def test_a_suite_that_cannot_be_run_is_told_with_its_place(tmp_path: Path, broken: str, said: str) -> None:
    done = run(rules(tmp_path / "mine", suite=broken))
    assert done.exit_code != 0
    assert said in str(done.exception) + done.output
    assert "night_login.yml:" in str(done.exception) + done.output
