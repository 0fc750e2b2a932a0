"""The formats: how lines are taken apart, what is repaired, what is refused and why."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.parse import FORMATS
from agent.records import NotAnEventError

JSON, COMBINED = FORMATS["json"], FORMATS["combined"]


@pytest.mark.parametrize(
    ("line", "values", "replaced"),
    [
        (b'{"a": 1, "b": {"c": [1.5, null, true]}}', {"a": 1, "b": {"c": [1.5, None, True]}}, False),
        (b'{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}, False),
        (b'\xef\xbb\xbf{"a": 1}\r', {"a": 1}, False),
        (b'{"a": "caf\xe9"}', {"a": "caf\ufffd"}, True),
        (b'{"caf\xe9": 1}', {"caf\ufffd": 1}, True),
        (b'{"a": "\\ud83dx"}', {"a": "\ufffdx"}, True),
        (b'{"a": "tab\there"}', {"a": "tab\there"}, False),
        (b'{"a": NaN, "b": -Infinity, "c": 1e999}', {"a": "NaN", "b": "-Infinity", "c": "1e999"}, False),
        (b"{}", {}, False),
        (b'{"a": 1},\r', {"a": 1}, False),
    ],
)
def test_json_is_read_also_when_its_writer_was_sloppy(line: bytes, values: dict[str, Any], replaced: bool) -> None:
    assert JSON.decode_leniently(line) == (values, replaced)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "is no JSON object: it does not start with '{'"),
        (b"[1]", "is no JSON object: it does not start with '{'"),
        (b"\x00" * 20, "is no JSON object: it does not start with '{'"),
        (b'{"a": "cut o', "is not JSON: Unterminated string starting at character 7"),
        (b'{"a": 1} trailing', "is not JSON: Extra data at character 10"),
        (b'{"a":' * 5000, "nests too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON that can be read: Exceeds the limit"),
    ],
)
def test_what_is_no_json_object_is_refused_with_the_reason(line: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        JSON.decode_leniently(line)
    assert str(caught.value).startswith(reason)


def test_an_array_may_be_written_an_element_a_line() -> None:
    assert JSON.decode(b'{"a": 1},') == {"a": 1}
    for bracket in (b"[", b"]", b" ] \r", b"],"):
        with pytest.raises(NotAnEventError):
            JSON.decode_leniently(bracket)


def combined(line: str) -> dict[str, Any]:
    return COMBINED.decode(line.encode())


def test_a_combined_line_is_taken_apart() -> None:
    line = '203.0.113.9 - al ice [21/Nov/2026:14:05:09 +0100] "GET /a%20b?x=1&y HTTP/1.1" 200 612 "https://r/" "UA (x)"'
    assert combined(line) == {
        "remote_addr": "203.0.113.9",
        "remote_user": "al ice",
        "time_local": "21/Nov/2026:14:05:09 +0100",
        "method": "GET",
        "path": "/a%20b",
        "query": "x=1&y",
        "protocol": "HTTP/1.1",
        "status": 200,
        "body_bytes_sent": 612,
        "http_referer": "https://r/",
        "http_user_agent": "UA (x)",
    }


def test_what_the_server_left_open_is_left_out() -> None:
    assert combined('::1 - - [t] "GET / HTTP/1.0" 304 - "-" ""\r\n') == {
        "remote_addr": "::1",
        "time_local": "t",
        "method": "GET",
        "path": "/",
        "protocol": "HTTP/1.0",
        "status": 304,
    }


@pytest.mark.parametrize(
    ("request_line", "values"),
    [
        (r"\x16\x03\x01", {"request": r"\x16\x03\x01"}),
        ("-", {}),
        ("", {}),
        ("GET /", {"request": "GET /"}),
        ("get / HTTP/1.1", {"request": "get / HTTP/1.1"}),
        ("GET /a b HTTP/1.1", {"method": "GET", "path": "/a b", "protocol": "HTTP/1.1"}),
        (
            r"GET /caf\xC3\xA9?q=\x22 HTTP/2.0",
            {"method": "GET", "path": "/café", "query": 'q="', "protocol": "HTTP/2.0"},
        ),
        (r"GET /\xFF\xFE HTTP/1.1", {"method": "GET", "path": r"/\xFF\xFE", "protocol": "HTTP/1.1"}),
        (r"GET /\"x\" HTTP/1.1", {"method": "GET", "path": r"/\"x\"", "protocol": "HTTP/1.1"}),
    ],
)
def test_any_request_line_is_kept(request_line: str, values: dict[str, str]) -> None:
    found = combined(f'1.2.3.4 - - [t] "{request_line}" 400 0 "-" "-"')
    assert found == {"remote_addr": "1.2.3.4", "time_local": "t", "status": 400, "body_bytes_sent": 0, **values}


def test_what_a_site_adds_behind_the_format_is_kept() -> None:
    assert combined('1.2.3.4 - - [t] "-" 200 0 "-" "ua" "198.51.100.1" 0.412')["extra"] == '"198.51.100.1" 0.412'
    assert combined('1.2.3.4 - - [t] "-" 200 0 0.3 "-" "ua"')["extra"] == "0.3"


def test_the_common_format_has_no_referer_and_no_user_agent() -> None:
    assert combined('1.2.3.4 ident - [t] "GET / HTTP/1.0" 200 5') == {
        "remote_addr": "1.2.3.4",
        "remote_ident": "ident",
        "time_local": "t",
        "method": "GET",
        "path": "/",
        "protocol": "HTTP/1.0",
        "status": 200,
        "body_bytes_sent": 5,
    }


@pytest.mark.parametrize("user", ["-", "al ice"])
def test_apache_may_write_the_virtual_host_before_it_all(user: str) -> None:
    expected = {"vhost": "www.example.com:443", "remote_addr": "2001:db8::7", "status": 200, "body_bytes_sent": 5}
    found = combined(f'www.example.com:443 2001:db8::7 - {user} [t] "GET / HTTP/1.1" 200 5 "-" "ua"')
    assert expected.items() <= found.items()
    assert found.get("remote_user") == (None if user == "-" else user)
    assert "vhost" not in combined('web.example.com:80 - - [t] "GET / HTTP/1.1" 200 5 "-" "ua"')


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        '"""""""',
        '1.2.3.4 - - "GET / HTTP/1.0" 200 5',
        '1.2.3.4 - - [t] "-" abc 5 "-" "-"',
        '1.2.3.4 [t] "-" 200 5',
    ],
)
def test_a_line_of_another_format_is_not_combined(line: str) -> None:
    with pytest.raises(ValueError, match="is not in the combined log format: expected"):
        combined(line)


@given(st.sampled_from(sorted(FORMATS)), st.binary() | st.text().map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_read_or_refused(name: str, line: bytes) -> None:
    found = FORMATS[name]
    try:
        values, _ = found.decode_leniently(line)
    except ValueError:
        return
    assert found.keys is None or set(values) <= found.keys


@pytest.mark.parametrize(
    ("head", "values"),
    [
        (
            "www.example.com 203.0.113.2, 192.0.2.1 - -",
            {"vhost": "www.example.com", "remote_addr": "203.0.113.2", "remote_addrs": "203.0.113.2, 192.0.2.1"},
        ),
        ('"203.0.113.2, 192.0.2.1" - bob', {"remote_addr": "203.0.113.2", "remote_user": "bob"}),
        ("www.example.com 203.0.113.2 - -", {"vhost": "www.example.com", "remote_addr": "203.0.113.2"}),
        ("host4 - -", {"remote_addr": "host4"}),
        ("203.0.113.2 fade bob", {"remote_addr": "203.0.113.2", "remote_ident": "fade", "remote_user": "bob"}),
        ('203.0.113.2 - "alice smith"', {"remote_addr": "203.0.113.2", "remote_user": "alice smith"}),
        ('203.0.113.2 - ""', {"remote_addr": "203.0.113.2"}),
    ],
)
def test_who_asked_is_read_in_whichever_of_its_shapes(head: str, values: dict[str, Any]) -> None:
    line = f'{head} [21/Nov/2026:14:05:09 +0100] "GET /a HTTP/1.1" 200 5 "-" "UA"'
    got = combined(line)
    assert {name: got.get(name) for name in values} == values
    assert "remote_user" in values or "remote_user" not in got
