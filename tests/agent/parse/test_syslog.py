"""Syslog in all its forms: each line is taken apart as its form says, and nothing of it is lost."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.parse import FORMATS
from agent.parse.syslog import FACILITIES, SEVERITIES

SYSLOG = FORMATS["syslog"]
AUTH = {"facility": "auth", "severity": "crit"}


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (
            b"Nov  1 14:05:09 web01 sshd[12]: Accepted: x",
            {"timestamp": "Nov  1 14:05:09", "host": "web01", "program": "sshd", "pid": 12, "message": "Accepted: x"},
        ),
        (
            b"<34>2026-11-21T14:05:09.123456+00:00 web01 su: msg\r",
            {
                **AUTH,
                "timestamp": "2026-11-21T14:05:09.123456+00:00",
                "host": "web01",
                "program": "su",
                "message": "msg",
            },
        ),
        (
            b"Nov 21 14:05:09.250 web01 a[007]:b\nc",
            {"timestamp": "Nov 21 14:05:09.250", "host": "web01", "program": "a", "pid": "007", "message": "b\nc"},
        ),
        (
            b"Nov 21 14:05:09 web01 last message repeated 2 times",
            {"timestamp": "Nov 21 14:05:09", "host": "web01", "message": "last message repeated 2 times"},
        ),
        (
            b"Nov 21 14:05:09 h (sd-pam)[x1]:",
            {"timestamp": "Nov 21 14:05:09", "host": "h", "program": "(sd-pam)", "pid": "x1", "message": ""},
        ),
        (
            b"Nov 21 14:05:09 2001:db8:: a: b",
            {"timestamp": "Nov 21 14:05:09", "host": "2001:db8::", "program": "a", "message": "b"},
        ),
        (b"Nov 21 14:05:09 web01", {"timestamp": "Nov 21 14:05:09", "host": "web01", "message": ""}),
        (
            b"Nov 7 14:05:09 web01 su[7]: msg",
            {"timestamp": "Nov 7 14:05:09", "host": "web01", "program": "su", "pid": 7, "message": "msg"},
        ),
        (
            b"2026-11-21 14:05:09.801612-0700  mac01 sshd[7]: msg",
            {
                "timestamp": "2026-11-21 14:05:09.801612-0700",
                "host": "mac01",
                "program": "sshd",
                "pid": 7,
                "message": "msg",
            },
        ),
        (
            b"Nov  7 14:05:09 [sshd] User root",
            {"timestamp": "Nov  7 14:05:09", "program": "sshd", "message": "User root"},
        ),
        (
            b"Nov 21 14:05:09 sun01 sshd[7]: [ID 800047 auth.info] Failed none",
            {
                "timestamp": "Nov 21 14:05:09",
                "host": "sun01",
                "program": "sshd",
                "pid": 7,
                "facility": "auth",
                "severity": "info",
                "msgid": "800047",
                "message": "Failed none",
            },
        ),
        (
            b"Nov 21 14:05:09 web01 a: [ID 7] is no message id",
            {"timestamp": "Nov 21 14:05:09", "host": "web01", "program": "a", "message": "[ID 7] is no message id"},
        ),
    ],
)
def test_a_line_of_a_file_or_of_rfc_3164_is_taken_apart(line: bytes, values: dict[str, Any]) -> None:
    assert SYSLOG.decode(line) == values


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (
            b"<34>Nov 21 14:05:09 su[7]: no: x",
            {"timestamp": "Nov 21 14:05:09", "program": "su", "pid": 7, "message": "no: x"},
        ),
        (
            b"<34>Nov 21 14:05:09 kernel: eth0: up",
            {"timestamp": "Nov 21 14:05:09", "program": "kernel", "message": "eth0: up"},
        ),
        (
            b"<34>Nov  1 2026 14:05:09: %ASA-6-302013: Built",
            {"timestamp": "2026-11-01T14:05:09", "program": "%ASA-6-302013", "message": "Built"},
        ),
        (
            b"<34>Nov 21 2026 14:05:09 fw1 a: b",
            {"timestamp": "2026-11-21T14:05:09", "host": "fw1", "program": "a", "message": "b"},
        ),
        (b"<34>backup: done", {"program": "backup", "message": "done"}),
        (b"<34>123: *Mar  1 18:46:11: %SYS-5: x", {"message": "123: *Mar  1 18:46:11: %SYS-5: x"}),
        (b"<34>any words at all\n", {"message": "any words at all"}),
        (b"<34>", {}),
        (b"<34>1 no stamp here: x", {"message": "1 no stamp here: x"}),
    ],
)
def test_a_message_that_lacks_something_keeps_what_it_has(line: bytes, values: dict[str, Any]) -> None:
    assert SYSLOG.decode(line) == {**AUTH, **values}


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (
            b"<34>1 2026-11-21T14:05:09.003Z web01.example.com su - ID47 - \xef\xbb\xbf'su root' failed",
            {
                "timestamp": "2026-11-21T14:05:09.003Z",
                "host": "web01.example.com",
                "program": "su",
                "msgid": "ID47",
                "message": "'su root' failed",
            },
        ),
        (b"<34>1 - - - - - -", {}),
        (b"<34>1 - - - - - -\n", {}),
        (
            b"<34>1 - h a 8710 - - %% It's time.\r\n",
            {"host": "h", "program": "a", "pid": 8710, "message": "%% It's time."},
        ),
        (b"<34>1 - - a x-1 - - - -", {"program": "a", "pid": "x-1", "message": "- -"}),
        (b'<34>1 - - - - - [a@1 x="1" y="two words"]', {"structured_data": {"a@1": {"x": "1", "y": "two words"}}}),
        (
            b'<34>1 - - - - - [a@1 x="1" y=""][b z="3"] he said "[x]" and "]"',
            {
                "structured_data": {"a@1": {"x": "1", "y": ""}, "b": {"z": "3"}},
                "message": 'he said "[x]" and "]"',
            },
        ),
        (b"<34>1 - - - - - [a][b] m", {"structured_data": {"a": {}, "b": {}}, "message": "m"}),
        (b'<34>1 - - - - - [a x="1"][b] "m"]', {"structured_data": {"a": {"x": "1"}, "b": {}}, "message": '"m"]'}),
        (
            rb'<34>1 - - - - - [a x="\"q\" \\ \] \n" y="]"] m\]',
            {"structured_data": {"a": {"x": '"q" \\ ] \\n', "y": "]"}}, "message": r"m\]"},
        ),
        (
            b'<34>1 - - - - - [a ip="1" ip="2" ip="3"][a n="4"] m',
            {"structured_data": {"a": {"ip": ["1", "2", "3"], "n": "4"}}, "message": "m"},
        ),
        (b"<34>1 - - - - - [no data] m", {"message": "[no data] m"}),
        (b'<34>1 - - - - - [a x="1" m', {"message": '[a x="1" m'}),
        (b'<34>1 - - - - - [a x="1"', {"message": '[a x="1"'}),
        (b"<34>1 - - - - - [[", {"message": "[["}),
        (b'<34>1 - - - - - [a x="1"]m', {"structured_data": {"a": {"x": "1"}}, "message": "m"}),
        (b"<34>1 - - - - - words", {"message": "words"}),
    ],
)
def test_a_message_of_rfc_5424_is_taken_apart(line: bytes, values: dict[str, Any]) -> None:
    for _ in range(2):  # the second time its shape is known
        assert SYSLOG.decode(line) == {**AUTH, **values}


@pytest.mark.parametrize("priority", range(192))
def test_every_priority_is_a_facility_and_a_severity(priority: int) -> None:
    for line in (b"<%d>1 - - - - - -" % priority, b"<%d>" % priority):
        assert SYSLOG.decode(line) == {"facility": FACILITIES[priority // 8], "severity": SEVERITIES[priority % 8]}


def test_a_priority_that_is_none_is_kept_as_it_is() -> None:
    assert SYSLOG.decode(b"<192>a b") == {"priority": "192", "message": "a b"}
    assert SYSLOG.decode(b"<007>a b") == {"priority": "007", "message": "a b"}


@pytest.mark.parametrize(
    "line", [b"hello", b"Nov 21 14:05 h a: b", b"Nov 21 14:05:09 ", b"<x>Nov 21 14:05:09 h a: b", b"<1234>a", b"[a]"]
)
def test_a_line_without_a_priority_a_stamp_and_a_host_is_no_syslog(line: bytes) -> None:
    with pytest.raises(ValueError, match="is not in the syslog format: expected a"):
        SYSLOG.decode(line)


def test_bytes_that_are_not_utf8_are_replaced_and_nothing_else() -> None:
    values, replaced = SYSLOG.decode_leniently(b'<34>1 - - - - - [a x="caf\xe9"] gr\xfc\xdf')
    assert replaced
    assert values == {**AUTH, "structured_data": {"a": {"x": "caf\ufffd"}}, "message": "gr\ufffd\ufffd"}


names = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='="]'), min_size=1, max_size=32)
tokens = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20).filter(lambda t: t != "-")
data_values = st.text(max_size=20) | st.sampled_from(['"', "\\", "]", '\\"]', '"] [', "\\n"])
data = st.dictionaries(names, st.dictionaries(names, data_values, max_size=4), max_size=3)
messages = st.text(max_size=40).map(lambda text: text.rstrip("\r\n").lstrip("\ufeff"))


def element(name: str, values: dict[str, str]) -> str:
    escaped = {key: re.sub(r'(["\\\]])', r"\\\1", value) for key, value in values.items()}
    return f"[{name}{''.join(f' {key}={chr(34)}{value}{chr(34)}' for key, value in escaped.items())}]"


@given(
    st.integers(0, 191),
    st.none() | st.just("2026-11-21T14:05:09.003123+01:00"),
    st.fixed_dictionaries({}, optional={"host": tokens, "program": tokens, "pid": tokens, "msgid": tokens}),
    data,
    messages,
    st.booleans(),
)
@example(0, None, {}, {"a": {"b": '"'}}, '"]', False)
def test_what_rfc_5424_can_say_is_read_as_it_was_meant(
    priority: int,
    stamp: str | None,
    header: dict[str, str],
    structured: dict[str, dict[str, str]],
    message: str,
    mark: bool,
) -> None:
    words = [header.get(name, "-") for name in ("host", "program", "pid", "msgid")]
    elements = "".join(element(name, values) for name, values in structured.items()) or "-"
    line = f"<{priority}>1 {stamp or '-'} {' '.join(words)} {elements}"
    if message:
        line += f" {chr(0xFEFF) if mark else ''}{message}"
    wanted: dict[str, Any] = {"facility": FACILITIES[priority // 8], "severity": SEVERITIES[priority % 8], **header}
    if stamp:
        wanted["timestamp"] = stamp
    if structured:
        wanted["structured_data"] = structured
    if message:
        wanted["message"] = message
    found = SYSLOG.decode(line.encode())
    assert str(found.get("pid")) == str(wanted.get("pid"))
    assert {**found, "pid": 0} == {**wanted, "pid": 0}


def test_an_entry_of_the_journal_is_read_as_the_line_it_would_be() -> None:
    line = (
        b'{"__REALTIME_TIMESTAMP":"1795269909003004","_HOSTNAME":"web01","SYSLOG_IDENTIFIER":"sshd","_PID":"901",'
        b'"_COMM":"sshd-session","MESSAGE":"Invalid user x from 192.0.2.7","_UID":"0","PRIORITY":"6"}'
    )
    assert SYSLOG.decode(line) == {
        "timestamp": "2026-11-21T14:05:09.003004+00:00",
        "host": "web01",
        "program": "sshd",
        "pid": 901,
        "message": "Invalid user x from 192.0.2.7",
        "journal": {"_COMM": "sshd-session", "_UID": "0", "PRIORITY": "6"},
    }


def test_an_entry_of_the_journal_may_hold_its_message_as_bytes() -> None:
    line = b'{"__REALTIME_TIMESTAMP":"1795269909000000","MESSAGE":[104,105,255]}'
    assert SYSLOG.decode(line) == {"timestamp": "2026-11-21T14:05:09.000000+00:00", "message": "hi\ufffd"}


@pytest.mark.parametrize(
    "line",
    [
        b'{"time":"2026-11-21T14:05:09Z","message":"x"}',
        b'{"__REALTIME_TIMESTAMP":"now","MESSAGE":"x"}',
        b'{"__REALTIME_TIMESTAMP":"999999999999999999","MESSAGE":"x"}',
        b'{"__REALTIME_TIMESTAMP":"1795269909000000"}',
        b'{"MESSAGE":',
    ],
)
def test_other_json_is_no_syslog(line: bytes) -> None:
    with pytest.raises(ValueError, match="expected a timestamp"):
        SYSLOG.decode(line)
