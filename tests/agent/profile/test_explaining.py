"""Each field of an event says where it came from."""

from pathlib import Path

from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled, written


def test_every_field_of_a_line_says_where_it_came_from(tmp_path: Path) -> None:
    text = (
        "profile: x\nformat: syslog\nconstants: {org: acme}\ntime: {from: timestamp, format: syslog}\n"
        "fields:\n  action: {from: verb, as: verb, default: log}\n  resource.id: host\n"
        "  outcome: [{value: failure, when: {severity: err}}]\n  module: {template: '{program}/{pid}'}\n"
        "  details.n: {from: n, as: number}\n  measures.rows: {from: n, as: number, keep: yes}\n  message: message\n"
        "patterns: [{name: p, match: '(?P<verb>\\w+) by (?P<who>\\S+)(?: (?P<n>\\d+))?', fields: {actor.id: who}}]\n"
        "cases: [{name: c, when: {program: su}, constants: {project: admin}}]\n"
    )
    profile = compiled(written(tmp_path, text), constants={"origin.host": "h"})
    (found,) = profile.explain(b"<35>Nov 21 14:05:09 web su[7]: deleted by bob@example.com 5", READ_US)
    assert (found.pattern, found.case, found.reason) == ("p", "c", None)
    assert found.origins == {
        "time": "path timestamp",
        "actor.type": "derived: is there an actor?",
        "actor.id": "group who of the pattern p",
        "actor.email": "derived: actor.id is an address",
        "action": "group verb of the pattern p, as verb",
        "event_type": "derived from the word of the action, as verb",
        "resource.id": "path host",
        "org": "constant",
        "project": "constant",
        "module": "template {program}/{pid}",
        "outcome": "value 'failure' on a condition",
        "measures": "rules of measures",
        "measures.rows": "group n of the pattern p, as number",
        "details": "what no field took",
        "details.n": "group n of the pattern p, as number",
        "message": "path message",
        "origin.host": "constant",
        "origin.profile": "constant",
    }


def test_what_is_no_event_says_why(tmp_path: Path) -> None:
    (unparsed,) = compiled(DEFINITIONS["sshd"]).explain(b"Nov 21 14:05:09 web su[7]: x", READ_US)
    assert unparsed.reason is not None
    assert "is not of the profile 'sshd'" in unparsed.reason
    text = "profile: x\nformat: json\nconstants: {action: log}\noptional: [{name: k, when: {e: ping}}]\neach: l\n"
    profile = compiled(written(tmp_path, text))
    first, second = profile.explain(b'{"l": [{"e": "ping"}, {"password": "x", "time": 1}]}', READ_US)
    assert (first.reason, first.origins) == ("is no event: k", {})
    assert second.origins["time"] == "when the line was read: it names no time"
    assert profile.explain(b"{", READ_US)[0].reason


def test_an_explanation_speaks_of_the_fields_that_the_event_has() -> None:
    profile = compiled(DEFINITIONS["jsonl"])
    line = b'{"ts": "2026-11-21T09:00:00Z", "user": {"id": "u1"}, "action": "Export failed", "rows": 5, "x": 1}'
    (found,) = profile.explain(line, READ_US)
    (row,) = profile([line], READ_US).rows
    fields = {field for field, value in zip(profile.fields, row, strict=True) if value is not None}
    assert fields | {*profile.constants, "measures.rows"} == found.origins.keys()
    assert found.origins["actor.id"] == "path user.id"
    assert found.origins["measures.rows"] == "path rows, as number"
