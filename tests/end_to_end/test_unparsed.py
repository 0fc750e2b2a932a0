"""Unparsed lines are events that can be counted at the collector by the reason, the profile in it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stand import Stand

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

LINES = [
    '{"user":"alice","action":"viewed"}',
    '{"user":"alice","action":}',
    '{"user":"alice" "action":"viewed"}',
    '{"user":',
    "starting up",
    "ready in 20 ms",
]
AUTH = [
    "2026-11-21T14:08:31+01:00 web01 CRON[1]: (root) CMD (true)",
    "2026-11-21T14:08:32+01:00 web01 dhclient[2]: bound to 192.0.2.7",
    "-- rotated --",
]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    auth = tmp_path / "stand" / "logs" / "auth.txt"
    made = Stand(tmp_path / "stand", agent_extra=f"  - name: auth\n    files: [{auth}]\n    profile: sshd\n")
    made.collector.start()
    made.wait_until_up()
    (made.logs / "app.log").write_text("\n".join(LINES) + "\n")
    auth.write_text("\n".join(AUTH) + "\n")
    made.agent.start()
    assert made.wait_until_stored(len(LINES) + len(AUTH), 60), made.evidence()
    yield made
    made.close()


def asked(stand: Stand, *words: str) -> list[dict[str, Any]]:
    """Return what a word of operators prints as JSON."""
    command = [sys.executable, "-m", "watchbook", *words, "--url", stand.url, "--token", stand.token, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_lines_that_fail_alike_are_one_row_of_the_count_whatever_stands_in_them(stand: Stand) -> None:
    (counted,) = asked(stand, "facets", "flags:unparsed", "--field", "reason")
    reasons = counted["facets"]["reason"]
    assert {each["value"]: each["count"] for each in reasons["values"]} == {
        "is not JSON (profile 'jsonl')": 3,
        "is no JSON object (profile 'jsonl')": 2,
        "is not of the profile 'sshd'": 2,
        "is not in the syslog format (profile 'sshd')": 1,
    }


def test_what_is_of_one_line_only_stands_in_its_details(stand: Stand) -> None:
    events = asked(stand, "search", "flags:unparsed", 'reason:"is not JSON"', "--all")
    details = sorted(event["details"]["unparsed_detail"] for event in events)
    assert len(details) == 3
    assert all("at character" in detail for detail in details)
    (cron,) = asked(stand, "search", "flags:unparsed", "CRON", "--all")
    assert cron["details"]["unparsed_detail"].startswith("'program' is 'CRON', expected ")
