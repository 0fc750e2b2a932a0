"""Logs of several programs: each line goes to the first profile that it is of, and comes out as that one makes it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.profile import CompiledProfile
from agent.redact import RedactSettings, make_redactor
from agent.routing import Router
from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled, written
from watchbook.shipped import shipped_folder

SUSPECTS = make_redactor(RedactSettings()).suspects
AUTH = (shipped_folder("config") / "samples" / "auth.log").read_bytes().splitlines()
CRON = b"Nov 21 14:05:09 web01 CRON[7]: (root) CMD (run-parts /etc/cron.hourly)"
JSON = b'{"time": "2026-11-21T14:05:09Z", "user": "alice", "action": "login"}'


def router(*names: str, **options: Any) -> Router:
    return Router([compiled(DEFINITIONS[name], **options) for name in names], SUSPECTS)


def events(normaliser: Router | CompiledProfile, lines: Sequence[bytes]) -> list[dict[str, Any]]:
    made = normaliser(lines, READ_US)
    rows = [{**normaliser.constants, **dict(zip(normaliser.fields, row, strict=True))} for row in made.rows]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_each_line_becomes_what_its_profile_makes_of_it() -> None:
    both = router("sshd", "syslog", "jsonl")
    assert both.name == "sshd, syslog, jsonl"
    found = events(both, [*AUTH, CRON, JSON])
    expected = []
    for line in [*AUTH, CRON, JSON]:
        for name in ("sshd", "syslog", "jsonl"):
            made = events(compiled(DEFINITIONS[name]), [line])
            if made:
                expected += made
                break
    assert found == expected
    assert {event["origin.profile"] for event in found} == {"sshd", "syslog", "jsonl"}


def test_ordinary_lines_go_the_quick_way() -> None:
    both = router("sshd", "syslog", "jsonl")
    assert [len(members) for _, members in both._groups] == [2, 1]
    assert len(router("jsonl", "journal")._groups) == 1
    for line in (AUTH[0], CRON, JSON):
        row = both._quickly(line, READ_US)
        assert [row] == both([line], READ_US).rows


def test_a_line_of_no_profile_has_the_reason_of_the_first_that_it_is_of(tmp_path: Path) -> None:
    strict = written(tmp_path, (
        "profile: cron\nformat: syslog\nmatch: {program: CRON}\nconstants: {action: run}\n"
        "patterns:\n  - {name: command, match: 'CMD .*'}\n"
    ))  # fmt: skip
    both = Router([compiled(DEFINITIONS["sshd"]), compiled(strict)], SUSPECTS)
    other = CRON.replace(b"(root) CMD", b"pam_unix")
    made = both([other, b"hello", b" ", CRON.replace(b"CRON", b"su")], READ_US)
    assert [each.line for each in made.unparsed] == [0, 1, 3]
    assert made.unparsed[0].reason.startswith("fits no pattern of the profile 'cron'")
    assert made.unparsed[1].reason.startswith("is not in the syslog format")
    assert made.unparsed[2].reason.startswith("is not of the profile 'cron'")
    assert (made.rows, made.row_lines, made.blank) == ([], [], 1)


def test_a_profile_that_fits_by_its_patterns_only_leaves_the_others_their_lines(tmp_path: Path) -> None:
    first = written(tmp_path, (
        "profile: first\nformat: text\nconstants: {action: log}\n"
        "patterns:\n  - {name: a, of: line, match: 'a (?P<user>.*)', fields: {actor.id: user}}\n"
    ))  # fmt: skip
    both = Router([compiled(first), compiled(DEFINITIONS["jsonl"])], SUSPECTS)
    assert [event["origin.profile"] for event in events(both, [b"a alice", JSON, b"a bob"])] == [
        "first",
        "jsonl",
        "first",
    ]


def test_a_line_with_a_secret_is_redacted_by_its_profile() -> None:
    line = JSON.replace(b'"login"', b'"login", "password": "hunter2-hunter2"')
    (event,) = events(router("sshd", "jsonl"), [line])
    assert "hunter2" not in str(event)


def test_a_line_that_nests_too_deeply_stays_unparsed() -> None:
    made = router("sshd", "jsonl")([b'{"a": ' * 70 + b"1" + b"}" * 70], READ_US)
    assert [each.reason for each in made.unparsed] == ["nests deeper than 64 levels"]


def test_the_line_itself_is_kept_where_it_is_wanted() -> None:
    found = events(router("sshd", "syslog", keep_raw=True), [AUTH[0], CRON])
    assert [event["raw"] for event in found] == [AUTH[0].decode(), CRON.decode()]


@given(
    st.lists(
        st.sampled_from([*AUTH, CRON, JSON, b"", b"hello", b'{"a"', b"\xff", b"[", b'{"token": "x"}']), max_size=20
    )
)
def test_each_line_has_one_place(lines: list[bytes]) -> None:
    made = router("sshd", "syslog", "jsonl")(lines, READ_US)
    places = list(range(len(lines))) if made.row_lines is None else made.row_lines
    assert len(places) == len(made.rows)
    unparsed = [each.line for each in made.unparsed]
    assert sorted(places) == places
    assert not set(places) & set(unparsed)
    assert len(places) + len(unparsed) + made.blank + sum(made.dropped.values()) == len(lines)
