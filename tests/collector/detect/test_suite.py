"""The file with the tests of a rule: what it says of events, and how its mistakes are told."""

from pathlib import Path
from textwrap import dedent

import pytest

from collector.detect.suite import Suite, read_suite
from watchbook.configfile import ConfigError


def suite(folder: Path, text: str) -> Suite:
    path = folder / "test.yml"
    path.write_text(dedent(text), encoding="utf-8")
    return read_suite(path)


def complaints(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        suite(folder, text)
    return [f"{each.line}:{each.column} {each.text}" for each in caught.value.problems]


def test_entries_are_samples_or_defaults_with_some_fields_changed(tmp_path: Path) -> None:
    found = suite(
        tmp_path,
        """
        rule: test
        samples:
          refused: {profile: okta, event: {time: x, actor: {type: user, id: bob}, action: login, reason: wrong}}
        defaults: {actor.type: user, action: read}
        tests:
          - name: one
            rows: [7, 8]
            events:
              - {at: 2s, repeat: 2, every: 1s}
              - {sample: refused, at: 1s, reason: null, source: {ip: 192.0.2.1}}
            expect: [{group: {actor.id: null}, count: 2}]
        """,
    )
    assert found.rule == "test"
    (case,) = found.cases
    assert (case.name, case.rows, case.place) == ("one", (7, 8), f"{tmp_path}/test.yml:7")
    assert case.events_from(10_000_000) == [
        {"time": 11_000_000, "actor.type": "user", "actor.id": "bob", "action": "login", "source.ip": "192.0.2.1",
         "origin.profile": "okta"},
        {"time": 12_000_000, "actor.type": "user", "action": "read"},
        {"time": 13_000_000, "actor.type": "user", "action": "read"},
    ]  # fmt: skip
    assert [(dict(each.group), each.count) for each in case.expect] == [({"actor.id": None}, 2)]


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    found = complaints(
        tmp_path,
        """
        rule: test
        sample: {}
        samples: {refused: {profil: okta, event: {actor: {kind: user}}}}
        tests:
          - name: one
            events: [{actor.type: user}, {sample: refusd}, {actr.id: bob}, {every: often}, {repeat: 0}, {repeat: 100001}, {at: [1]}, 5]
            expect: [{group: bob}]
          - events: []
            expects: []
        """,  # noqa: E501 - one line, so that columns are told
    )
    duration = "'often' is no duration; write a number and a unit: 250ms, 10s, 5m, 2h, 7d, 4w"
    assert found == [
        "3:1 'sample': there is no such option; did you mean 'samples'?",
        "4:21 'samples.refused.profil': there is no such option; did you mean 'profile'?",
        "4:43 'samples.refused.event.actor': no event has the field 'actor.kind'; did you mean 'actor.id'?",
        "7:14 'tests[0].events[0]': the event has no 'action', and every event has; say it in 'defaults'",
        "7:43 'tests[0].events[1].sample': there is no sample 'refusd'; did you mean 'refused'?",
        "7:53 'tests[0].events[2].actr.id': no event has the field 'actr.id'; did you mean 'actor.id'?",
        f"7:76 'tests[0].events[3].every': expected a duration such as 30s, found 'often' ({duration})",
        "7:93 'tests[0].events[4].repeat': expected a whole number from 1 on, found '0'",
        "7:106 'tests[0].events[5].repeat': expected at most 100,000, found 100,001",
        "7:120 'tests[0].events[6].at': expected a duration such as 30s, found a list",
        "7:126 'tests[0].events[7]': expected a mapping of options, found '5'",
        "7:126 'tests[0].events[7]': expected the fields of an event, found '5'",
        "8:14 'tests[0].expect[0]': the option 'count' is missing",
        "8:22 'tests[0].expect[0].group': expected the fields of a group and their values, found 'bob'",
        "9:5 'tests[1]': the option 'name' is missing",
        "9:5 'tests[1]': the option 'expect' is missing",
        "10:5 'tests[1].expects': there is no such option; did you mean 'expect'?",
    ]
