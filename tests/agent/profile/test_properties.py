"""What must hold of any line: one place each, nothing lost, nothing invented, and the same row from either code."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.parse import FORMATS
from agent.profile import compile_profile
from agent.profile.casts import duration, number, seconds
from agent.redact import NoRedactor, RedactSettings, make_redactor
from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled, flat
from watchbook import wire
from watchbook.clock import parse_rfc3339
from watchbook.event import FIELD_BY_NAME

PROFILES = {name: compiled(definition, keep_raw=True) for name, definition in DEFINITIONS.items()}

KEYS = st.sampled_from(
    re.split(
        " +",
        "ts time @timestamp user User username user_id user_type actor email action type event event_type resource "
        "resource_id target Identifier org project status result success error duration_ms duration rows bytes details "
        "ip ip_address session session_id request_id message msg before after old_value newValue level id name",
    )
)
TEXTS = st.sampled_from(
    re.split(
        ",",
        ",-,alice,bob@example.com,ANONYMOUS,SERVICE_USER,api_key,service,created,login_failed,role_edited,x,success,"
        "FAILED,in progress,denied,2026-11-21T09:00:00Z,2026-11-21 09:00:00,10.0.0.1,2001:DB8::1,10.0.0.300,245ms,"
        "permission,caf\u00e9",
    )
)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    TEXTS,
    st.text(max_size=5),
    st.integers(-5, 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3)
)
LINES = st.dictionaries(KEYS | st.text(max_size=4), VALUES, max_size=10)


@given(st.sampled_from(sorted(PROFILES)), st.lists(st.binary(max_size=80) | st.just(b"  \t"), max_size=8))
def test_each_of_any_lines_becomes_a_row_or_is_unparsed_or_is_blank(name: str, lines: list[bytes]) -> None:
    check_places(name, lines)


@given(st.lists(LINES.map(json.dumps).map(str.encode) | st.binary(max_size=20), max_size=8))
def test_each_of_any_json_lines_has_one_place(lines: list[bytes]) -> None:
    check_places("jsonl", lines)


@given(
    st.lists(
        st.sampled_from(["sshd[1]: ", "sshd: ", "cron[1]: "]).flatmap(
            lambda tag: st.sampled_from(
                [
                    "Accepted password for ",
                    "Failed password for invalid user ",
                    "Invalid user ",
                    "pam_unix(sshd:auth): ",
                ]
            ).flatmap(
                lambda start: st.text(max_size=20).map(lambda rest: f"Feb 29 23:59:60 h {tag}{start}{rest}".encode())
            )
        ),
        max_size=4,
    )
)
def test_each_of_any_sshd_lines_has_one_place(lines: list[bytes]) -> None:
    check_places("sshd", lines)


@given(st.lists(st.text(max_size=20), max_size=4))
def test_each_of_any_requests_has_one_place(requests: list[str]) -> None:
    check_places("nginx", [f'::1 - - [t] "{request}" 200 5 "-" "{request}"'.encode() for request in requests])


def check_places(name: str, lines: list[bytes]) -> None:
    profile = PROFILES[name]
    made = profile(lines, READ_US)
    places = list(range(len(lines))) if made.row_lines is None else made.row_lines
    unparsed = [line.line for line in made.unparsed]
    assert len(places) == len(made.rows)
    assert len(places) + len(unparsed) + made.blank + sum(made.dropped.values()) == len(lines)
    assert not set(places) & set(unparsed)
    assert made.blank == sum(not line.strip() for line in lines)
    assert all(line.reason for line in made.unparsed)
    events = [flat(profile, row) for row in made.rows]
    batch = wire.decode_batch(wire.encode_batch(len(events), wire.columns_of(events)), bytes_max=1 << 20)
    for index, event in enumerate(events):
        assert batch.event(index) == event
        for field, value in event.items():
            allowed = FIELD_BY_NAME[field].values
            assert allowed is None or value in allowed
            assert value != ""


PLAIN = compile_profile(DEFINITIONS["jsonl"], FORMATS, NoRedactor())


@settings(max_examples=100)
@given(LINES)
def test_nothing_a_json_line_says_is_lost(line: dict[str, Any]) -> None:
    made = PLAIN([json.dumps(line).encode()], READ_US)
    (row,) = made.rows
    event = flat(PLAIN, row)
    left = {json.dumps(value) for value in leaves(event)}
    kept = {json.dumps(value) for value in leaves(event.get("details", {}))}
    for value in leaves(line):
        assert json.dumps(value) in kept or said(value, event, left), (value, event)


def leaves(value: Any) -> Iterator[Any]:
    """Yield the scalars and the empty containers in a value."""
    if isinstance(value, dict | list) and value:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


def said(value: Any, event: dict[str, Any], left: set[str]) -> bool:
    """Return whether an event says a value in one of the ways a profile may put it."""
    text = str(value)
    ways = [json.dumps(value), json.dumps(text), json.dumps(text.lower())]
    if isinstance(value, str):
        ways += [json.dumps(read(value)) for read in (number, duration, seconds)]
    stands = event.get("changes") is not None and value in (None, "", {})  # one side of a change: no state
    mapped = isinstance(value, bool) and event.get("outcome") == ("success" if value else "failure")
    return (
        any(way in left for way in ways) or stands or mapped or is_time(value, event["time"]) or is_address(text, event)
    )


def is_time(value: Any, time_us: int) -> bool:
    if isinstance(value, int | float):
        return any(abs(value * unit - time_us) < 2000 for unit in (1_000_000, 1000, 1, 0.001))
    try:
        return parse_rfc3339(str(value).replace(" ", "T").removesuffix("Z") + "Z") == time_us
    except ValueError:
        return False


def is_address(text: str, event: dict[str, Any]) -> bool:
    return event.get("source.ip") == "2001:db8::1" and text == "2001:DB8::1"


@settings(max_examples=25)
@given(st.lists(LINES, min_size=1, max_size=5), st.lists(LINES, max_size=5))
def test_the_learnt_code_makes_the_same_rows_as_the_code_for_any_keys(
    usual: list[dict[str, Any]], strange: list[dict[str, Any]]
) -> None:
    formats = {"json": FORMATS["json"]._replace(decoder_of=None)}
    slow = compile_profile(DEFINITIONS["jsonl"], formats, NoRedactor())
    quick = compile_profile(DEFINITIONS["jsonl"], FORMATS, NoRedactor())
    many = [json.dumps(line).encode() for line in usual] * 17
    rare = [json.dumps(line).encode() for line in (*strange, *usual)]
    for lines in (many, rare, many, rare * 7, many):
        assert quick(lines, READ_US) == slow(lines, READ_US)


@settings(max_examples=60)
@given(
    LINES,
    st.sampled_from(sorted(["password", "apiKey", "db_token", "Authorization"])),
    st.sampled_from(["plain", "escaped", "nested", "state", "text", "json in a text", "named", "cut off"]),
)
def test_a_planted_secret_never_leaves_the_profile(line: dict[str, Any], key: str, how: str) -> None:
    secret = "zq9xSECRETx9qz"
    plants: dict[str, dict[str, Any]] = {
        "plain": {key: secret},
        "escaped": {key: secret},
        "nested": {"request": [{"headers": {key: secret}}]},
        "state": {"before": {key: "other"}, "after": {key: secret}},
        "text": {"message": f"called with {key}={secret} twice"},
        "json in a text": {"body": json.dumps({key: secret})},
        "named": {"params": [{"name": key, "value": secret}]},
        "cut off": {key: secret},
    }
    text = json.dumps({**line, **plants[how]})
    if how == "escaped":
        text = text.replace(json.dumps(key), f'"\\u{ord(key[0]):04x}{key[1:]}"')
    if how == "cut off":
        text = text[:-1]
    profile = PROFILES["jsonl"]
    made = profile([b'{"a": 1}', text.encode(), b'{"a": 2}'], READ_US)
    assert secret not in str(made)
    assert len(made.rows) + len(made.unparsed) == 3


@pytest.mark.parametrize("name", ["journal", "jsonl", "nginx", "sshd", "syslog"])
def test_a_clean_line_beside_one_with_a_secret_is_the_same(name: str) -> None:
    profile = compile_profile(DEFINITIONS[name], FORMATS, make_redactor(RedactSettings()))
    clean = {
        "journal": b'{"_TRANSPORT": "stdout", "MESSAGE": "api_key-12 was used", "_PID": "1"}',
        "jsonl": b'{"user": "api_key-12", "before": {"a": 1}, "after": {"a": 2}}',
        "nginx": b'::1 - - [21/Nov/2026:14:05:09 +0100] "GET /a HTTP/1.1" 200 5 "-" "-"',
        "sshd": b"Nov 21 14:05:09 h sshd[1]: Invalid user x from ::1 port 2",
        "syslog": b'<34>1 2026-11-21T14:05:09Z h a 1 - [i@1 x="1"] words',
    }.get(name, next((each.line.encode() for each in DEFINITIONS[name].samples if each.events), b""))
    (alone,) = profile([clean], READ_US).rows
    beside = profile([clean, b'{"password": "x"}', clean], READ_US)
    assert beside.rows[0] == beside.rows[-1] == alone
