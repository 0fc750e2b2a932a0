"""Reasons that can be counted: the same words for all lines that fail alike."""

import pytest

from agent.parse import FORMATS
from agent.profile import compile_profile
from agent.reasons import countable, kind_of
from agent.redact import RedactSettings, make_redactor
from tests.agent.profile.shipped import DEFINITIONS

BROKEN = [b'{"a": 1,}', b'{"a":: 1}', b'{"aaaaaaa" 1}', b"{]"]


def test_lines_of_json_that_break_at_different_places_have_one_reason() -> None:
    profile = compile_profile(DEFINITIONS["jsonl"], FORMATS, make_redactor(RedactSettings()))
    said = [countable(line.reason, "jsonl") for line in profile(BROKEN, 0).unparsed]
    assert {kind for kind, _ in said} == {"is not JSON (profile 'jsonl')"}
    details = [detail for _, detail in said]
    assert len(set(details)) == len(BROKEN)
    assert all(detail and "at character" in detail for detail in details)


def test_lines_of_other_programs_have_one_reason_that_names_the_profile_once() -> None:
    profile = compile_profile(DEFINITIONS["sshd"], FORMATS, make_redactor(RedactSettings()))
    lines = [b"2026-11-21T14:10:00+01:00 web01 CRON[1]: a", b"2026-11-21T14:10:00+01:00 web01 dhclient: b"]
    said = [countable(line.reason, "sshd") for line in profile(lines, 0).unparsed]
    assert {kind for kind, _ in said} == {"is not of the profile 'sshd'"}
    assert "'CRON'" in str(said[0][1])


@pytest.mark.parametrize(
    ("reason", "kind", "detail"),
    [("nests too deeply", "nests too deeply (profile 'p')", None), ("is empty", "is empty (profile 'p')", None)],
)
def test_a_reason_without_a_second_half_stays_whole(reason: str, kind: str, detail: str | None) -> None:
    assert countable(reason, "p") == (kind, detail)
    assert kind_of(reason) == reason
