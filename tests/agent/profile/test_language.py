"""What the profile language can say, feature by feature: small profiles, lines, and the events that come of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.profile import CompiledProfile
from tests.agent.profile.shipped import READ_US, compiled, event, written
from watchbook.clock import format_rfc3339

Write = Callable[[str], CompiledProfile]
HEAD = "profile: x\nformat: json\nconstants: {action: log}\n"


@pytest.fixture
def profile(tmp_path: Path) -> Write:
    """Compile the rest of a JSON profile whose action is log."""
    return lambda text: compiled(written(tmp_path, HEAD + text))


def told(made: CompiledProfile, line: str) -> dict[str, Any]:
    """Return a line's event without what every event of these profiles has."""
    found = event(made, line)
    for name in ("time", "flags", "action", "origin.profile"):
        found.pop(name, None)
    if found["actor.type"] == "anonymous":
        del found["actor.type"]
    return found


@pytest.mark.parametrize(
    ("path", "line", "taken"),
    [
        ("a[0]", '{"a": ["x", "y"]}', {"org": "x", "details": {"a": ["y"]}}),
        ("a[-1]", '{"a": ["x", "y"]}', {"org": "y", "details": {"a": ["x"]}}),
        ("a[2]", '{"a": ["x", "y"]}', {"details": {"a": ["x", "y"]}}),
        ("a[0]", '{"a": "x"}', {"details": {"a": "x"}}),
        ("a[0].b", '{"a": [{"b": "x", "c": 1}]}', {"org": "x", "details": {"a": [{"c": 1}]}}),
        ("a[0].b", '{"a": [{"b": "x"}]}', {"org": "x"}),
        ("a[t=u].b", '{"a": [{"t": "v"}, {"t": "u", "b": "x", "c": 1}]}',
         {"org": "x", "details": {"a": [{"t": "v"}, {"t": "u", "c": 1}]}}),
        ("a[t=u].b", '{"a": [{"t": "v"}, {"t": "u", "b": "x"}]}', {"org": "x", "details": {"a": [{"t": "v"}]}}),
        ("a[n=5].b", '{"a": [{"n": 5, "b": "x"}]}', {"org": "x"}),
        ("a[].b", '{"a": [{"c": 1}, {"b": ""}, {"b": "x"}]}', {"org": "x", "details": {"a": [{"c": 1}, {"b": ""}]}}),
        ("a[].b[].c", '{"a": [{"b": []}, {"b": [{"c": "x"}]}]}', {"org": "x", "details": {"a": [{"b": []}]}}),
        ('a."b.c/d"', '{"a": {"b.c/d": "x", "e": 1}}', {"org": "x", "details": {"a": {"e": 1}}}),
        ('"a.b"', '{"a": {"b": "y"}, "a.b": "x"}', {"org": "x", "details": {"a": {"b": "y"}}}),
        ("a.b[0]", '{"a.b": ["x"]}', {"org": "x"}),
    ],
)  # fmt: skip
def test_a_path_leads_into_lists_and_what_it_takes_leaves_the_details(
    profile: Write, path: str, line: str, taken: dict[str, Any]
) -> None:
    assert told(profile(f"fields: {{org: '{path}'}}\n"), line) == taken


def test_values_of_one_list_are_taken_without_moving_each_other(profile: Write) -> None:
    made = profile("fields: {org: 'a[0]', project: 'a[1]', module: 'a[].m', resource.id: 'a[2].i'}\n")
    assert told(made, '{"a": ["x", "y", {"m": "z", "i": "w"}, "v"]}') == {
        "org": "x", "project": "y", "module": "z", "resource.id": "w", "details": {"a": ["v"]},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ("{s: a}", ['{"s": "a"}'], ['{"s": "b"}', "{}", '{"s": ["a"]}', '{"s": null}']),
        ("{s: [404, true]}", ['{"s": 404}', '{"s": "404"}', '{"s": true}'], ['{"s": 40}', '{"s": false}']),
        ("{s: 404}", ['{"s": 404}', '{"s": "404"}'], ['{"s": 4040}']),
        ("{s: {present: true}}", ['{"s": 0}', '{"s": ""}'], ['{"s": null}', "{}"]),
        ("{s: {present: false}}", ["{}", '{"s": null}'], ['{"s": false}']),
        ("{s: {not: a}}", ["{}", '{"s": "b"}'], ['{"s": "a"}']),
        ("{s: {not: [a, 1]}}", ["{}", '{"s": 2}'], ['{"s": "a"}', '{"s": 1}']),
        ("{s: {starts: [a, b]}}", ['{"s": "ax"}', '{"s": "b"}'], ['{"s": "xa"}', "{}"]),
        ("{s: {ends: a}}", ['{"s": "xa"}'], ['{"s": "ax"}']),
        ("{s: {contains: a}}", ['{"s": "xax"}'], ['{"s": "x"}', '{"s": ["a"]}']),
        ("{s: {match: '^a.c$'}}", ['{"s": "abc"}'], ['{"s": "xabc"}']),
        ("{s: {below: 5}}", ['{"s": 4}', '{"s": "4.5"}'], ['{"s": 5}', '{"s": "x"}', "{}", '{"s": true}']),
        ("{s: {above: 5, below: 7}}", ['{"s": 6}'], ['{"s": 5}', '{"s": 7}']),
        ("{s: a, t: b}", ['{"s": "a", "t": "b"}'], ['{"s": "a"}']),
        ("[{s: a}, {t: b}]", ['{"s": "a"}', '{"t": "b"}'], ['{"s": "b"}']),
        ("{s.u: a}", ['{"s": {"u": "a"}}', '{"s.u": "a"}'], ['{"s": "a"}']),
        ("{'s[].u': a}", ['{"s": [{"u": "b"}, {"u": "a"}]}'], ['{"s": [{"u": "b"}]}', "{}"]),
        ("{'s[].u': {not: a}}", ['{"s": [{"u": "b"}]}', "{}"], ['{"s": [{"u": "b"}, {"u": "a"}]}']),
        ("{'s[t=v].u': {present: true}}", ['{"s": [{"t": "v", "u": 1}]}'], ['{"s": [{"t": "w", "u": 1}]}']),
    ],
)  # fmt: skip
def test_a_condition_means_the_same_on_a_source_on_a_case_and_as_match(
    profile: Write, condition: str, holds: list[str], fails: list[str]
) -> None:
    source = profile(f"fields: {{org: {{value: yes-it-does, when: {condition}}}}}\n")
    case = profile(f"cases: [{{name: c, when: {condition}, constants: {{org: yes-it-does}}}}]\n")
    match = profile(f"match: {condition}\nconstants: {{action: log}}\n".replace("constants: {action: log}\n", ""))
    for line in holds:
        assert event(source, line).get("org") == event(case, line).get("org") == "yes-it-does", line
        assert len(match([line.encode()], READ_US).rows) == 1, line
    for line in fails:
        assert event(source, line).get("org") is event(case, line).get("org") is None, line
        assert "is not of the profile 'x'" in match([line.encode()], READ_US).unparsed[0].reason, line


def test_sources_take_turns_by_their_conditions(profile: Write) -> None:
    made = profile(
        "fields:\n  outcome:\n    - {value: failure, when: {errorCode: {present: true}}}\n"
        "    - {from: result, map: {ok: success, '*': failure}}\n    - {value: in_progress}\n"
    )
    assert told(made, '{"errorCode": "E", "result": "ok"}') == {
        "outcome": "failure", "details": {"errorCode": "E", "result": "ok"},
    }  # fmt: skip
    assert told(made, '{"result": "OK"}') == {"outcome": "success", "details": {"result": "OK"}}
    assert told(made, '{"result": "denied"}') == {"outcome": "failure", "details": {"result": "denied"}}
    assert told(made, '{"result": [1]}') == {"outcome": "in_progress", "details": {"result": [1]}}


def test_a_condition_sees_what_another_field_took(profile: Write) -> None:
    made = profile(
        "fields: {org: kind, project: {from: p, when: {kind: k}}, module: {from: 'l[0]', when: {'l[0]': z}}}\n"
    )
    assert told(made, '{"kind": "k", "p": "q", "l": ["z"]}') == {"org": "k", "project": "q", "module": "z"}
    assert told(made, '{"kind": "j", "p": "q", "l": ["y"]}') == {"org": "j", "details": {"p": "q", "l": ["y"]}}


def test_a_template_is_made_only_of_values_that_are_all_there(profile: Write) -> None:
    made = profile("fields: {resource.id: [{template: '{o.ns}/{o.name}{{}}'}, {template: '{o.name}', keep: no}]}\n")
    assert told(made, '{"o": {"ns": "n", "name": 5}}') == {
        "resource.id": "n/5{}", "details": {"o": {"ns": "n", "name": 5}},
    }  # fmt: skip
    assert told(made, '{"o": {"ns": "", "name": "m"}}') == {"resource.id": "m", "details": {"o": {"ns": ""}}}
    assert told(made, '{"o": {"ns": "x"}}') == {"details": {"o": {"ns": "x"}}}


def test_a_part_of_a_text_is_extracted_and_the_text_kept(profile: Write) -> None:
    made = profile(
        "fields:\n  org: {from: u, extract: '^/api/([^/]+)'}\n  measures.rows: {from: m, extract: '([0-9,]+) rows'}\n"
        "  project: {from: u, extract: '/(p[0-9])$', map: {p1: one}, keep: no}\n"
    )
    assert told(made, '{"u": "/api/v1/p1", "m": "got 1,200 rows"}') == {
        "org": "v1", "project": "one", "measures": {"rows": 1200}, "details": {"m": "got 1,200 rows"},
    }  # fmt: skip
    assert told(made, '{"u": "/x/p2", "m": 5}') == {"details": {"u": "/x/p2", "m": 5}}


def test_a_list_is_joined(profile: Write) -> None:
    made = profile("fields: {org: {from: r, join: ', '}, project: {from: 'o[].n', join: '+'}}\n")
    assert told(made, '{"r": ["a", 2, true], "o": [{"n": "x", "m": 1}, {"m": 2}, {"n": "y"}]}') == {
        "org": "a, 2, true", "project": "x+y", "details": {"o": [{"m": 1}, {"m": 2}]},
    }  # fmt: skip
    assert told(made, '{"r": ["a", {"b": 1}], "o": []}') == {"details": {"r": ["a", {"b": 1}], "o": []}}
    assert told(made, '{"r": "a"}') == {"org": "a"}


@pytest.mark.parametrize(
    ("cast", "line", "found"),
    [
        ("{from: a, as: ip}", '{"a": "192.0.2.1:443"}', {"source.ip": "192.0.2.1", "details": {"a": "192.0.2.1:443"}}),
        ("{from: a, as: ip}", '{"a": "[2001:db8::1]:443"}',
         {"source.ip": "2001:db8::1", "details": {"a": "[2001:db8::1]:443"}}),
        ("{from: a, as: ip}", '{"a": "192.0.2.1"}', {"source.ip": "192.0.2.1"}),
        ("{from: a, as: ip}", '{"a": "host:443"}', {"details": {"a": "host:443"}}),
        ("{from: 'a[]', as: ip}", '{"a": ["x", "192.0.2.1:1"]}',
         {"source.ip": "192.0.2.1", "details": {"a": ["x", "192.0.2.1:1"]}}),
    ],
)  # fmt: skip
def test_an_address_with_a_port_is_an_address_and_the_port_is_not_lost(
    profile: Write, cast: str, line: str, found: dict[str, Any]
) -> None:
    assert told(profile(f"fields: {{source.ip: {cast}}}\n"), line) == found


@pytest.mark.parametrize(
    ("cast", "value", "field", "found", "kept"),
    [
        ("milliseconds", "1500", "duration_ms", 1500, False),
        ("microseconds", "1500", "duration_ms", 1.5, False),
        ("nanoseconds", '"2000000"', "duration_ms", 2, False),
        ("size", '"1.5 MB"', "measures.bytes", 1_500_000, False),
        ("size", '"12kB"', "measures.bytes", 12_000, False),
        ("size", '"3 KiB"', "measures.bytes", 3072, False),
        ("size", "77", "measures.bytes", 77, False),
        ("path_name", '"arn:aws:iam::1:role/Admin"', "resource.name", "Admin", True),
        ("path_name", '"arn:aws:s3:::bucket"', "resource.name", "bucket", True),
        ("path_name", '"plain"', "resource.name", "plain", False),
        ("snake", '"DBInstance"', "resource.type", "db_instance", True),
        ("snake", '"AWS::S3::Object"', "resource.type", "aws_s3_object", True),
        ("snake", '"ProtectedBranch"', "resource.type", "protected_branch", True),
        ("snake", '"user"', "resource.type", "user", False),
        ("bool", '"yes"', "details.on", True, False),
        ("bool", '"0"', "details.on", False, False),
        ("bool", "false", "details.on", False, False),
    ],
)
def test_casts_with_units_and_names(profile: Write, cast: str, value: str, field: str, found: Any, kept: bool) -> None:
    made = told(profile(f"fields: {{{field}: {{from: a, as: {cast}}}}}\n"), f'{{"a": {value}}}')
    group, _, member = field.partition(".")
    got = made[group][member] if group in ("measures", "details") else made[field]
    assert (got, type(got)) == (found, type(found))
    assert ("a" in made.get("details", {})) == kept


@pytest.mark.parametrize(
    ("rule", "line", "time"),
    [
        ("{from: a, format: epoch_ns}", '{"a": 1795300000123456789}', "2026-11-21T22:26:40.123456Z"),
        ("{from: a, format: epoch_s, nanos: b}", '{"a": 1795300000, "b": 123456789}', "2026-11-21T22:26:40.123456Z"),
        ("{from: a, format: '%d.%m.%Y %H:%M:%S,%f'}", '{"a": "21.11.2026 10:00:00,123"}',
         "2026-11-21T10:00:00.123000Z"),
        ("{from: a, format: '%d.%m.%Y %H:%M', zone: Europe/Berlin}", '{"a": "21.07.2026 10:00"}',
         "2026-07-21T08:00:00.000000Z"),
        ("{from: a, format: '%b %d, %Y %I:%M:%S %p'}", '{"a": "Nov 1, 2026 12:05:09 AM"}',
         "2026-11-01T00:05:09.000000Z"),
        ("{from: a, format: '%Y/%m/%d %T %z'}", '{"a": "2026/11/21 10:00:00 -0330"}', "2026-11-21T13:30:00.000000Z"),
        ("{from: a, format: '%a %d %b %H:%M:%S'}", '{"a": "Sat 21 Nov 10:00:00"}', "2026-11-21T10:00:00.000000Z"),
        ("{from: a, format: '%a %d %b %H:%M:%S'}", '{"a": "Thu 24 Dec 10:00:00"}', "2025-12-24T10:00:00.000000Z"),
        ("{from: a, format: '%d %b %H:%M'}", '{"a": "29 Feb 10:00"}', "2024-02-29T10:00:00.000000Z"),
        ("{from: a, format: '%Y-%j %H'}", '{"a": "2026-325 10"}', "2026-11-21T10:00:00.000000Z"),
        ("[{from: a, format: epoch_s}, {from: a, format: '%Y%m%d %H%M'}]", '{"a": "20261121 1000"}',
         "2026-11-21T10:00:00.000000Z"),
        ("[{from: b}, {from: [c, a]}]", '{"a": "2026-11-21T10:00:00Z"}', "2026-11-21T10:00:00.000000Z"),
    ],
)  # fmt: skip
def test_the_first_rule_that_gives_a_time_counts(profile: Write, rule: str, line: str, time: str) -> None:
    made = event(profile(f"time: {rule}\n"), line)
    assert format_rfc3339(made["time"]) == time
    assert "details" not in made


@pytest.mark.parametrize(
    "text", ["31.02.2026 10:00:00,1", "21.11.2026 25:00:00,1", "21.11.2026 10:00:99,1", "x", "", 5]
)
def test_what_is_no_such_time_is_left_where_it_is(profile: Write, text: Any) -> None:
    made = profile("time: {from: a, format: '%d.%m.%Y %H:%M:%S,%f'}\n")
    found = event(made, '{"a": %s}' % (f'"{text}"' if isinstance(text, str) else text))
    assert "time_assumed" in found["flags"]
    assert found["details"] == {"a": text}
