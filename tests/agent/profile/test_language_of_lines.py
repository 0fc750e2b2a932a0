"""What the profile language can say of whole lines: decoding, patterns, cases, changes, kinds, several events."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.profile import CompiledProfile
from agent.records import Normalised
from tests.agent.profile.shipped import READ_US, compiled, event, events, written

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


def test_a_text_that_can_be_taken_apart_is_decoded_and_any_other_stays(tmp_path: Path) -> None:
    made = compiled(
        written(
            tmp_path,
            HEAD + "decode: {m: json, q: query, 'l[].b': json}\n"
            "fields: {org: m.org, project: q.p, module: 'l[1].b.x'}\n",
        )
    )
    line = '{"m": "{\\"org\\": \\"o\\", \\"n\\": 1}", "q": "p=1&r=2", "l": [{"b": "no"}, {"b": "{\\"x\\": 3}"}]}'
    assert told(made, line) == {
        "org": "o", "project": "1", "module": "3", "details": {"m": {"n": 1}, "q": {"r": "2"}, "l": [{"b": "no"}]},
    }  # fmt: skip
    assert told(made, '{"m": "{broken", "q": "words"}') == {"details": {"m": "{broken", "q": "words"}}


def test_groups_of_patterns_can_be_decoded_with_options(tmp_path: Path) -> None:
    text = (
        "profile: x\nformat: text\nconstants: {action: log}\ndecode: {audit: {name: csv, columns: [kind, what]}}\n"
        "fields: {org: audit.kind, project: audit.what}\npatterns:\n"
        "  - {name: a, of: line, match: 'AUDIT: (?P<audit>.*)'}\n  - {name: b, of: line, match: '.*'}\n"
    )
    made = compiled(written(tmp_path, text))
    assert told(made, 'AUDIT: session,"a,b"') == {
        "org": "session", "project": "a,b",
    }  # fmt: skip
    assert told(made, "other") == {"details": {"line": "other"}}


def test_patterns_can_have_conditions_and_lines_that_fit_none_can_be_kept(tmp_path: Path) -> None:
    text = (
        "profile: x\nformat: syslog\nconstants: {action: log}\nunmatched: keep\npatterns:\n"
        "  - {name: a, when: {program: su}, match: 'in (?P<who>.*)', fields: {org: who}}\n"
        "  - {name: b, when: {program: [cron, at]}, match: 'in (?P<who>.*)', fields: {project: who}}\n"
    )
    made = compiled(written(tmp_path, text))
    stamp = "Nov 21 14:05:09 h"
    assert event(made, f"{stamp} su: in x")["org"] == "x"
    assert event(made, f"{stamp} at: in x")["project"] == "x"
    assert {"org", "project"}.isdisjoint(event(made, f"{stamp} ftp: in x"))
    assert event(made, f"{stamp} su: out")["details"]["message"] == "out"


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("match: 'user (?P<who>\\S+) +in'", False),
        ("match: 'user (?P<who>\\S+) .*'", True),
        ("match: '(?:user|group) (?P<who>\\S+)  in'", True),
        ("match: 'user (?P<who>\\S+) .*', keep: no", False),
        ("match: 'user (?P<who>\\S+) +in', keep: yes", True),
    ],
)
def test_a_text_that_its_pattern_tells_whole_needs_not_stay(tmp_path: Path, pattern: str, kept: bool) -> None:
    text = (
        "profile: x\nformat: text\nconstants: {action: log}\nfields: {message: {from: line, extract: '(in)$'}}\n"
        f"patterns:\n  - {{name: a, of: line, {pattern}, fields: {{org: who}}}}\n"
    )
    found = event(compiled(written(tmp_path, text)), "user bob  in")
    assert (found["org"], found["message"]) == ("bob", "in")
    assert found.get("details") == ({"line": "user bob  in"} if kept else None)


def test_a_field_sees_what_the_changes_take(profile: Write) -> None:
    made = profile(
        "fields: {resource.id: new.id, org: o}\nchanges: [{before: old, after: new}, {name: o, old: o, new: p}]\n"
    )
    found = event(made, '{"old": {"id": 1, "a": 2}, "new": {"id": 3, "a": 2}}')
    assert (found["resource.id"], found["changes"]) == ("3", [{"field": "id", "old": 1, "new": 3}])
    assert event(made, '{"o": "x", "p": "y"}')["org"] == "x"


def test_changes_and_fields_take_from_one_list_without_moving_each_other(profile: Write) -> None:
    made = profile(
        "changes: {field: 'p[n=what].v', old: 'p[n=old].v', new: 'p[n=new].v'}\n"
        "fields: {resource.id: 'p[n=what].v', resource.name: 'p[n=last].v'}"
    )
    parameters = [{"n": name, "v": name.upper()} for name in ("what", "rest", "old", "new", "last")]
    found = event(made, json.dumps({"p": parameters}))
    assert found["changes"] == [{"field": "WHAT", "old": "OLD", "new": "NEW"}]
    assert (found["resource.id"], found["resource.name"]) == ("WHAT", "LAST")
    assert found["details"] == {"p": [{"n": "rest", "v": "REST"}]}


def test_the_first_case_that_holds_overrides(profile: Write) -> None:
    made = profile(
        "time: {from: t, format: epoch_s}\nfields: {resource.id: r, outcome: {from: o, map: {'1': success}}}\ncases:\n"
        "  - name: login\n    when: {e: Login}\n    time: {from: at}\n    changes: {field: f, old: a, new: b}\n"
        "    fields: {outcome: {from: o, map: {'1': failure}}}\n    constants: {action: login, resource.id: host}\n"
        "  - {name: worded, of: m, match: 'in (?P<who>\\w+)', fields: {actor.id: who}}\n"
        "  - {name: never, when: {e: Login}, constants: {action: logout}}\n"
    )
    line = '{"e": "Login", "at": "2026-11-21T10:00:00Z", "o": 1, "r": "x", "f": "role", "a": "u", "b": "v"}'
    assert event(made, line) == {
        "time": 1795255200000000, "actor.type": "anonymous", "action": "login", "resource.id": "host",
        "outcome": "failure", "changes": [{"field": "role", "old": "u", "new": "v"}],
        "details": {"e": "Login", "r": "x"}, "origin.profile": "x",
    }  # fmt: skip
    assert told(made, '{"t": 1795255200, "m": "in bob", "o": 1}') == {
        "actor.type": "user", "actor.id": "bob", "outcome": "success", "details": {"m": "in bob"},
    }  # fmt: skip


def test_a_group_never_hides_what_the_line_says(profile: Write) -> None:
    made = profile("cases: [{name: c, of: m, match: '(?P<m>a+)(?P<n>b+)', fields: {org: n}}]\n")
    assert told(made, '{"m": "aab", "n": 7}') == {"org": "b", "details": {"m": "aa", "m (line)": "aab", "n (line)": 7}}


@pytest.mark.parametrize(
    ("rule", "line", "changes", "details"),
    [
        ("{each: l, field: n, old: o, new: v}", '{"l": [{"n": "a", "o": 1, "v": 2}, {"n": "b", "v": [3]}, {"n": "c"}]}',
         [{"field": "a", "old": 1, "new": 2}, {"field": "b", "new": [3]}], {"l": [{"n": "c"}]}),
        ("{each: 'x[0].l', field: n, new: v.z}", '{"x": [{"l": [{"n": "a", "v": {"z": 1, "y": 2}}]}]}',
         [{"field": "a", "new": 1}], {"x": [{"l": [{"v": {"y": 2}}]}]}),
        ("{each: l, field: n, old: o, new: v}", '{"l": [{"n": "a", "o": 1, "v": 1}]}', None,
         {"l": [{"n": "a", "o": 1, "v": 1}]}),
        ("{field: f, old: a.x, new: a.y}", '{"f": "role", "a": {"x": "u", "y": "v"}}',
         [{"field": "role", "old": "u", "new": "v"}], None),
        ("{name: visibility, old: p, new: v}", '{"p": "private", "v": "public"}',
         [{"field": "visibility", "old": "private", "new": "public"}], None),
        ("{name: visibility, old: p, new: v}", '{"q": 1}', None, {"q": 1}),
        ("[{before: b, after: c}, {name: n, new: v}]", '{"v": 1}', [{"field": "n", "new": 1}], None),
        ("[{before: b, after: c}, {name: n, new: v}]", '{"b": {"x": 1, "y": 2}, "c": {"x": 3, "y": 2}, "v": 1}',
         [{"field": "x", "old": 1, "new": 3}], {"b": {"y": 2}, "v": 1}),
        ("{before: b, after: c}", '{"b": {"x": 1, "y": 2}, "c": {"x": 3, "y": 2, "z": 4, "w": 5}}',
         [{"field": "x", "old": 1, "new": 3}, {"field": "z", "new": 4}, {"field": "w", "new": 5}], {"b": {"y": 2}}),
        ("{before: d.b, after: d.c}", '{"d": {"b": 1, "c": 2}}', [{"field": "value", "old": 1, "new": 2}], None),
    ],
)  # fmt: skip
def test_changes_stand_in_states_in_lists_and_beside_each_other(
    profile: Write, rule: str, line: str, changes: Any, details: Any
) -> None:
    made = event(profile(f"changes: {rule}\n"), line)
    assert (made.get("changes"), made.get("details")) == (changes, details)


def test_secrets_in_listed_changes_are_redacted_by_the_name_of_their_field(profile: Write) -> None:
    made = profile("changes: {each: l, field: name, old: o, new: v}\n")
    found = event(made, '{"l": [{"name": "password", "o": "hunter2", "v": "hunter3"}], "token": "abcdefgh1234"}')
    assert "hunter" not in str(found)
    assert found["changes"] == [{"field": "password", "old": "[REDACTED]", "new": "[REDACTED]"}]


def test_constants_can_set_the_flag_system(profile: Write) -> None:
    made = profile("fields: {resource.id: r}\ncases: [{name: q, when: {e: queue}, constants: {flags: system}}]\n")
    assert event(made, '{"e": "queue", "r": "x", "f": 1}')["flags"] == ["time_assumed", "system"]
    assert event(made, '{"e": "other"}')["flags"] == ["time_assumed", "no_resource"]


def test_a_map_beside_a_verb_tells_no_verb(tmp_path: Path) -> None:
    text = (
        "profile: x\nformat: json\nfields: {action: [{from: a, map: {in: login}}, {from: a, as: verb, default: log}]}\n"
    )
    made = compiled(written(tmp_path, text))
    assert event(made, '{"a": "in"}')["action"] == "login"
    assert event(made, '{"a": "deleted"}')["event_type"] == "deleted"


OPTIONAL = (
    "optional:\n  - {name: pings, description: P., when: {e: ping}}\n"
    "  - {name: reads, default: on, when: {e: read}}\n"
    "cases: [{name: polls, optional: true, when: {e: poll}}, {name: rest, when: {e: x}}]\n"
)


@pytest.mark.parametrize(
    ("options", "kept", "dropped"),
    [
        ({}, 2, {"pings": 1, "polls": 1}),
        ({"include": ["pings", "polls"]}, 4, {}),
        ({"include": ["pings"], "exclude": ["reads"]}, 2, {"polls": 1, "reads": 1}),
    ],
)
def test_optional_kinds_are_switched_and_what_is_left_out_is_counted(
    tmp_path: Path, options: dict[str, Any], kept: int, dropped: dict[str, int]
) -> None:
    definition = written(tmp_path, HEAD + OPTIONAL)
    assert definition.kinds == {"pings": False, "reads": True, "polls": False}
    made = compiled(definition, **options)([b'{"e": "%s"}' % e for e in (b"ping", b"read", b"poll", b"x")], READ_US)
    assert (len(made.rows), made.dropped, made.unparsed) == (kept, dropped, [])


EACH = "each: [Records, data.items]\nmatch: {e: {present: true}}\nfields: {resource.id: r, org: account}\n"


def test_a_line_with_a_list_of_objects_becomes_their_events(profile: Write) -> None:
    made = profile(EACH)
    line = '{"account": "a", "n": {"m": 1}, "Records": [{"e": 1, "r": "x"}, {"e": 2, "r": "y", "n": 3}]}'
    first, second = events_of(made, made([line.encode()], READ_US))
    assert (first["resource.id"], first["org"], first["details"]) == ("x", "a", {"e": 1, "n": {"m": 1}})
    assert (second["resource.id"], second["details"]) == ("y", {"e": 2, "n": 3, "envelope": {"n": {"m": 1}}})
    assert events_of(made, made([b'{"data": {"items": {"e": 1}}}'], READ_US))[0]["details"] == {"e": 1}
    assert events_of(made, made([b'{"e": 1, "Records": [5]}'], READ_US))[0]["details"] == {"e": 1, "Records": [5]}


def events_of(made: CompiledProfile, normalised: Normalised) -> list[dict[str, Any]]:
    return [dict(zip(made.fields, row, strict=True)) for row in normalised.rows]


def test_every_event_of_a_line_has_its_place_and_what_fails_is_kept_alone(profile: Write) -> None:
    made = profile(EACH + "optional: [{name: pings, when: {e: ping}}]\n")
    lines = [
        b'{"e": 1}',
        b'{"Records": [{"e": 1}, {"f": 2, "password": "hunter2"}, {"e": "ping"}, {"e": 3}]}',
        b"  ",
        b"{broken",
        b'{"Records": [{"e": "ping"}]}',
        b'{"Records": [{"e": 4}, {"e": 5}]}',
    ]
    done = made(lines, READ_US)
    assert done.row_lines == [0, 1, 1, 5, 5]
    assert [each.line for each in done.unparsed] == [1, 3]
    assert done.unparsed[0].raw == '{"f": 2, "password": "[REDACTED]"}'
    assert (done.blank, done.dropped) == (1, {"pings": 2})


def test_the_members_of_an_envelope_come_to_the_top(profile: Write) -> None:
    made = profile("lift: [data, a.log]\nmatch: {e: 1}\nfields: {org: o}\n")
    assert told(made, '{"data": {"e": 1, "o": "x", "p": 2}, "q": 3}') == {
        "org": "x",
        "details": {"e": 1, "p": 2, "q": 3},
    }
    assert told(made, '{"a": {"log": "{\\"e\\": 1, \\"q\\": 2}", "b": 4}, "q": 3}') == {
        "details": {"e": 1, "q": 3, "a": {"log": {"q": 2}, "b": 4}},
    }  # fmt: skip
    assert told(made, '{"e": 1, "data": "words"}') == {"details": {"e": 1, "data": "words"}}


def test_structured_data_can_be_looked_into(tmp_path: Path) -> None:
    text = "profile: x\nformat: syslog\nconstants: {action: log}\nfields: {org: 'structured_data.i@1.org'}\n"
    made = compiled(written(tmp_path, text))
    found = event(made, '<34>1 2026-11-21T14:05:09Z h a 1 - [i@1 org="o" x="y"] words')
    assert (found["org"], found["details"]["structured_data"]) == ("o", {"i@1": {"x": "y"}})


def test_a_record_of_several_lines_reaches_a_pattern_whole(tmp_path: Path) -> None:
    text = (
        "profile: x\nformat: text\nconstants: {action: log}\n"
        "patterns:\n"
        "  - {name: a, of: line, match: '(?s)(?P<what>[A-Z]+)\\n(?P<rest>.*)', fields: {org: what, message: rest}}\n"
    )
    found = event(compiled(written(tmp_path, text)), "ERROR\nat a\nat b")
    assert (found["org"], found["message"]) == ("ERROR", "at a\nat b")


def test_loose_keys_are_loose_in_conditions_and_decoding_too(tmp_path: Path) -> None:
    text = (
        HEAD
        + "keys: loose\nmatch: {old_value: {present: true}}\ndecode: {old_value: json}\nfields: {org: old_value.o}\n"
    )
    made = compiled(written(tmp_path, text))
    assert events(made, ['{"Old Value": "{\\"o\\": \\"x\\"}"}'])[0]["org"] == "x"
