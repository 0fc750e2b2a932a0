"""The try view: line beside event, why a line stayed unparsed, and a summary by profile."""

import json

import pytest

from agent.parse import FORMATS
from agent.profile import CompiledProfile, compile_profile
from agent.redact import RedactSettings, make_redactor
from agent.tryout import BLANK, UNPARSED, try_lines
from tests.agent.profile.shipped import DEFINITIONS, READ_US

LINES = [
    b'{"ts":"2026-11-21T09:00:00Z","user":"bob","action":"viewed","resource":"r","api_key":"x1"}',
    b'::1 - - [21/Nov/2026:14:05:09 +0100] "GET /a HTTP/1.1" 200 5 "-" "-"',
    b"",
    b"hello \x1b[31m",
]


@pytest.fixture
def profiles() -> list[CompiledProfile]:
    redactor = make_redactor(RedactSettings())
    return [compile_profile(definition, FORMATS, redactor, keep_raw=True) for definition in DEFINITIONS.values()]


def test_each_line_shows_its_profile_and_event_or_why_there_is_none(profiles: list[CompiledProfile]) -> None:
    shown: list[str] = []
    counts = try_lines(LINES, profiles, read_us=READ_US, write=shown.append)
    assert counts == {"jsonl": 1, "nginx": 1, BLANK: 1, UNPARSED: 1}
    assert shown == [
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
        "    journal      is no JSON object: it does not start with '{'",
        "    jsonl        is no JSON object: it does not start with '{'",
        "    nginx        is not in the combined log format: expected a quoted request, referer and user agent",
        "    sshd         is not in the syslog format: expected a timestamp such as 'Nov 21 14:05:09' at its start",
        "    syslog       is not in the syslog format: expected a timestamp such as 'Nov 21 14:05:09' at its start",
        "",
        "4 lines: jsonl 1, nginx 1, blank 1, unparsed 1",
    ]


def test_json_shows_the_nested_event_a_line_each(profiles: list[CompiledProfile]) -> None:
    shown: list[str] = []
    try_lines(LINES, profiles, read_us=READ_US, write=shown.append, as_json=True)
    first, second, unparsed, summary = map(json.loads, shown)
    assert first["event"]["actor"] == {"type": "user", "id": "bob"}
    assert (second["line"], second["profile"]) == (2, "nginx")
    assert (unparsed["line"], unparsed["profile"]) == (4, None)
    assert set(unparsed["reasons"]) == {"journal", "jsonl", "nginx", "sshd", "syslog"}
    assert summary == {"summary": {"jsonl": 1, "nginx": 1, "blank": 1, "unparsed": 1}}


def test_one_profile_is_tried_alone(profiles: list[CompiledProfile]) -> None:
    alone = [profile for profile in profiles if profile.name == "jsonl"]
    counts = try_lines(LINES, alone, read_us=READ_US, write=lambda text: None)
    assert counts == {"jsonl": 1, BLANK: 1, UNPARSED: 2}


def test_of_two_profiles_the_one_that_fills_more_fields_is_shown(profiles: list[CompiledProfile]) -> None:
    poor = compile_profile(DEFINITIONS["jsonl"], FORMATS, make_redactor(RedactSettings()))
    poor._choice.only = None
    counts = try_lines([b'{"user":"bob"}'], [profiles[1], *profiles], read_us=READ_US, write=lambda text: None)
    assert counts == {"jsonl": 1}


def test_no_lines_are_no_mistake(profiles: list[CompiledProfile]) -> None:
    shown: list[str] = []
    assert not try_lines([], profiles, read_us=READ_US, write=shown.append)
    assert shown == ["0 lines"]
