"""The lines that the demo writes: the same for the same seed, and like those of real applications."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from watchbook.clock import parse_rfc3339
from watchbook.demo.applog import AppLog, app_lines
from watchbook.demo.hostlogs import AccessLog, AuthLog

START_US = parse_rfc3339("2026-11-21T14:05:09.123456Z")
PERMISSION_CHANGES = {"granted", "revoked", "shared", "invited", "role_edited"}
COMBINED = re.compile(
    r'\S+ - \S+ \[21/Nov/2026:14:05:\d\d \+0000\] "(GET|POST) \S+ HTTP/1\.1" \d{3} \d+ "[^"]*" "[^"]*"\n'
)
SYSLOG = re.compile(r"2026-11-21T14:05:\d\d\.\d{6}\+00:00 web-1 sshd\[\d+\]: .+\n")


def take(make: Callable[[int], bytes], count: int) -> Iterator[str]:
    return (make(START_US + number).decode() for number in range(count))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    def lines(seed: int) -> list[bytes]:
        return list(app_lines(500, seed=seed, start_us=START_US, step_us=1000))

    assert lines(7) == lines(7)
    assert lines(7) != lines(8)


@pytest.mark.parametrize("log", [AccessLog, AuthLog])
def test_host_logs_are_the_same_for_the_same_seed(log: type[AccessLog] | type[AuthLog]) -> None:
    assert list(take(log(7).line, 100)) == list(take(log(7).line, 100))
    assert list(take(log(7).line, 100)) != list(take(log(8).line, 100))


def test_an_application_line_is_one_json_object_of_about_480_bytes() -> None:
    lines = list(app_lines(2000, start_us=START_US, step_us=1000))
    entries = [json.loads(line) for line in lines]
    assert all(line.endswith(b"}\n") and line.count(b"\n") == 1 for line in lines)
    assert 450 < sum(map(len, lines)) / len(lines) < 520
    assert entries[0]["ts"] == "2026-11-21T14:05:09.123Z"
    assert entries[1]["ts"] == "2026-11-21T14:05:09.124Z"
    assert len({entry["request_id"] for entry in entries}) == len(entries)


def test_the_application_fails_exports_and_changes_permissions_as_often_as_it_says() -> None:
    entries = [json.loads(line) for line in app_lines(20_000, start_us=START_US, step_us=1000)]
    failed = sum(entry["status"] == "failed" for entry in entries)
    exported = [entry["details"]["rows"] for entry in entries if entry["action"] == "exported"]
    permissions = sum(entry["action"] in PERMISSION_CHANGES for entry in entries)
    assert 0.05 < failed / len(entries) < 0.08
    assert 0.008 < len(exported) / len(entries) < 0.012
    assert 0.016 < permissions / len(entries) < 0.024
    assert min(exported) < 100 < 1_000_000 < max(exported)


def test_incidents_are_what_the_shipped_rules_look_for() -> None:
    log = AppLog()
    assert json.loads(log.export(START_US, 6_000_000))["details"]["rows"] == 6_000_000
    changes = [json.loads(log.permission_change(START_US)) for _ in range(50)]
    assert {change["action"] for change in changes} == PERMISSION_CHANGES
    edited = next(change for change in changes if change["action"] == "role_edited")
    assert edited["before"]["role"] != edited["after"]["role"]
    failed = json.loads(log.failed_login(START_US, "mallory"))
    assert (failed["user"], failed["action"], failed["status"]) == ("mallory", "login_failed", "failed")
    guesses = list(take(AuthLog().brute_force, 20))
    assert all("Failed password for root from 203.0.113.66 port " in guess for guess in guesses)


def test_host_logs_look_like_those_of_the_real_programs() -> None:
    assert all(COMBINED.fullmatch(line) for line in take(AccessLog().line, 500))
    lines = list(take(AuthLog().line, 500))
    assert all(SYSLOG.fullmatch(line) for line in lines)
    for word in ("Accepted publickey", "session opened", "Failed password for invalid user"):
        assert any(word in line for line in islice(lines, 100))
