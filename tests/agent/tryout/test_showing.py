"""The try view: line beside event, why a line stayed unparsed, and a summary by profile."""

import json
from typing import Any

import click

from agent.parse import FORMATS
from agent.profile import compile_profile
from agent.redact import RedactSettings, make_redactor
from agent.select import Conditions, DropSettings, SampleSettings, Selection, Share
from agent.tryout import Candidate, Shower, decide
from tests.agent.profile.shipped import DEFINITIONS, READ_US
from watchbook.configfile import parse

LINES = [
    b'{"ts":"2026-11-21T09:00:00Z","user":"bob","action":"viewed","resource":"r","api_key":"x1"}',
    b'::1 - - [21/Nov/2026:14:05:09 +0100] "GET /a HTTP/1.1" 200 5 "-" "-"',
    b"",
    b"hello \x1b[31m",
]


def candidate(name: str, **more: Any) -> Candidate:
    """Return a shipped profile to try."""
    counting, showing = make_redactor(RedactSettings()), make_redactor(RedactSettings())
    plain = compile_profile(DEFINITIONS[name], FORMATS, counting)
    keeping = compile_profile(DEFINITIONS[name], FORMATS, showing, keep_raw=True)
    is_specific = DEFINITIONS[name].match is not None
    return Candidate(plain, keeping, plain.explain, showing.text, counting.counts, is_specific=is_specific, **more)


CANDIDATES = [candidate(name) for name in ("jsonl", "nginx", "sshd", "syslog")]


def shown(lines: list[bytes], candidates: list[Candidate], **options: Any) -> tuple[list[str], Shower]:
    """Return what is written of lines, and who wrote it."""
    written: list[str] = []
    shower = Shower(candidates, written.append, **options)
    shower.show(decide(1, lines, list(range(len(lines))), candidates, READ_US), READ_US)
    shower.finish()
    return written, shower


def test_each_line_shows_its_profile_and_event_or_why_there_is_none() -> None:
    written, _ = shown(LINES, CANDIDATES)
    assert [line.partition("  <- ")[0] for line in written] == [
        "1  jsonl",
        '    {"ts":"2026-11-21T09:00:00Z","user":"bob","action":"viewed","resource":"r","api_key":"[REDACTED]"}',
        "    time            2026-11-21T09:00:00.000000Z",
        "    actor.type      user",
        "    actor.id        bob",
        "    action          read",
        "    event_type      viewed",
        "    category        access",
        "    resource.name   r",
        '    details         {"api_key": "[REDACTED]"}',
        "    origin.profile  jsonl",
        "    redacted: key_name 1",
        "",
        "2  nginx",
        '    ::1 - - [21/Nov/2026:14:05:09 +0100] "GET /a HTTP/1.1" 200 5 "-" "-"',
        "    time            2026-11-21T13:05:09.000000Z",
        "    actor.type      anonymous",
        "    action          read",
        "    event_type      GET",
        "    category        access",
        "    resource.type   url",
        "    resource.id     /a",
        "    outcome         success",
        '    measures        {"bytes": 5}',
        "    source.ip       ::1",
        '    details         {"protocol": "HTTP/1.1", "status": 200}',
        "    origin.profile  nginx",
        "",
        "4  unparsed",
        '    "hello \\u001b[31m"',
        "    jsonl        is no JSON object: it does not start with '{'",
        "    nginx        is not in the combined log format: expected a quoted request, referer and user agent",
        "    sshd         is not in the syslog format: expected a timestamp such as 'Nov 21 14:05:09' at its start",
        "    syslog       is not in the syslog format: expected a timestamp such as 'Nov 21 14:05:09' at its start",
        "",
        "4 lines: jsonl 1, nginx 1, blank 1, unparsed 1",
        "redacted, by rule:",
        "  1  key_name",
    ]


def test_every_field_of_an_event_says_where_it_came_from() -> None:
    (first, *_), _ = shown(LINES[:1], [CANDIDATES[0]], as_json=True)
    tried = json.loads(first)
    named = {f"{name}.{member}" for name in ("actor", "resource", "origin") for member in tried["event"].get(name, ())}
    named |= tried["event"].keys() - {"actor", "resource", "origin"}
    assert named - {"origin.profile"} <= tried["origins"].keys()
    assert "user" in tried["origins"]["actor.id"]


def test_json_shows_the_nested_event_a_line_each() -> None:
    written, _ = shown(LINES, CANDIDATES, as_json=True)
    first, second, unparsed, summary = map(json.loads, written)
    assert first["event"]["actor"] == {"type": "user", "id": "bob"}
    assert first["redacted"] == {"key_name": 1}
    assert (second["line"], second["profile"]) == (2, "nginx")
    assert (unparsed["line"], unparsed["profile"]) == (4, None)
    assert set(unparsed["reasons"]) == {"jsonl", "nginx", "sshd", "syslog"}
    assert summary["summary"] == {"jsonl": 1, "nginx": 1, "blank": 1, "unparsed": 1}
    assert summary["redacted"] == {"key_name": 1}


def test_a_single_profile_says_why_lines_stayed_unparsed_in_the_words_that_are_counted() -> None:
    lines = [*LINES, b"another", b'{"a": ', b'{"b": 1 2}']
    written, shower = shown(lines, [CANDIDATES[0]], only="unparsed")
    assert [line for line in written if line[:1].isdigit()][:-1] == [f"{n}  unparsed" for n in (2, 4, 5, 6, 7)]
    assert written[-6:-2] == [
        "7 lines: unparsed 5, jsonl 1, blank 1",
        "why lines stayed unparsed:",
        "  3  is no JSON object (profile 'jsonl')",
        "  2  is not JSON (profile 'jsonl')",
    ]
    assert shower.summary.reasons.total() == 5


def test_a_profile_that_knows_its_lines_wins_over_one_that_takes_any_and_says_so() -> None:
    line = b"2026-11-21T14:08:30+01:00 web01 sshd[812]: fatal: Cannot bind any address."
    written, _ = shown([line], CANDIDATES)
    assert written[0].startswith("1  sshd  (best of 2: it knows such lines: ")
    written, _ = shown([line.replace(b"sshd", b"cron")], CANDIDATES)
    assert written[0] == "1  syslog"


def test_what_rules_drop_is_shown_and_counted() -> None:
    def rule(text: str) -> Conditions:
        return Conditions.from_node(parse(text, "t"))

    plain = CANDIDATES[0].plain
    select = Selection(
        [DropSettings("reads", rule("action: read"))],
        [SampleSettings("logins", rule("action: login"), Share(0.5))],
        plain.fields,
        plain.constants,
    )
    mine = candidate("jsonl", select=select)
    lines = [LINES[0], b'{"action":"update"}', *(b'{"action":"login","n":%d}' % n for n in range(20))]
    written, shower = shown(lines, [mine])
    assert written.count("    dropped by the rule 'reads'") == 1
    kept = written.count("    kept as a sample by the rule 'logins'")
    assert 0 < kept < 20
    assert written.count("    dropped by the rule 'logins'") == 20 - kept
    assert shower.summary.dropped == {"reads": 1, "logins": 20 - kept}
    assert (shower.summary.kept, shower.summary.events) == ({"logins": kept}, 1 + kept)
    only, _ = shown(lines, [mine], only="dropped", as_json=True)
    assert [json.loads(line)["rule"] for line in only[:-1]].count("logins") == 20 - kept


def test_many_profiles_that_say_the_same_are_named_together() -> None:
    many = [candidate("jsonl") for _ in range(9)]
    for number, each in enumerate(many):
        each.plain._name = f"p{number}"  # type: ignore[attr-defined]
    written, _ = shown([b"hello"], many)
    assert written[2] == "    p0, p1, p2 and 6 more is no JSON object: it does not start with '{'"


def test_colours_are_only_for_terminals() -> None:
    plain, _ = shown(LINES, CANDIDATES)
    painted, _ = shown(LINES, CANDIDATES, paints=True)
    assert "\x1b[" in "".join(painted)
    assert [click.unstyle(line) for line in painted] == plain
    assert "\x1b" not in "".join(plain)


def test_no_lines_are_no_mistake() -> None:
    assert shown([], CANDIDATES)[0] == ["0 lines"]
