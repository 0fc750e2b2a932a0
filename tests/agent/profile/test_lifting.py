"""Envelopes: what stands in an object inside the line is read as if it stood in the line."""

from typing import Any

import pytest

from agent.profile.lifting import lifter


def lifted(path: str, line: dict[str, Any]) -> dict[str, Any]:
    lifter(path)(line, None)
    return line


@pytest.mark.parametrize(
    ("path", "line", "expected"),
    [
        ("data", {"id": 1, "data": {"type": "s"}}, {"id": 1, "type": "s"}),
        ("p.log", {"p": {"log": {"verb": "get"}, "pod": "a"}}, {"p": {"pod": "a"}, "verb": "get"}),
        ("properties.log", {"properties": {"log": '{"verb": "get"}'}}, {"verb": "get"}),
        ("data", {"data": {"data": 5}}, {"data": 5}),
        ("a.b", {"a": {"b": {"a": 1}}}, {"a": 1}),
    ],
)  # fmt: skip
def test_the_members_of_an_envelope_come_to_the_top(path: str, line: dict[str, Any], expected: dict[str, Any]) -> None:
    assert lifted(path, line) == expected


@pytest.mark.parametrize(
    "line",
    [{"id": 1}, {"data": None}, {"data": []}, {"data": "text"}, {"data": "{cut"}, {"data": "[1]"}, {"data": {}}],
)
def test_what_is_no_envelope_stays_as_it_is(line: dict[str, Any]) -> None:
    assert lifted("data", dict(line)) == line


def test_the_lines_own_members_win_and_nothing_is_lost() -> None:
    line = {"id": "a", "log_id": "x", "on": True, "data": {"id": "b", "log_id": "x", "on": 1, "type": "s"}}
    assert lifted("data", line) == {
        "id": "a", "log_id": "x", "on": True, "type": "s", "data": {"id": "b", "on": 1},
    }  # fmt: skip


def test_a_member_called_like_the_envelope_does_not_push_it_out() -> None:
    assert lifted("data", {"id": "a", "data": {"id": "b", "data": 7}}) == {
        "id": "a",
        "data": 7,
        "data (outer)": {"id": "b"},
    }


def test_what_a_text_held_is_redacted() -> None:
    line = {"log": '{"password": "hunter2"}'}
    lifter("log")(line, lambda value: dict.fromkeys(value, "[REDACTED]"))
    assert line == {"password": "[REDACTED]"}


def test_a_text_that_nests_too_deeply_stays_a_text() -> None:
    text = '{"a":' * 100 + "1" + "}" * 100
    assert lifted("log", {"log": text}) == {"log": text}
