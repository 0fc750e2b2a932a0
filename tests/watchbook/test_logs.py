"""Log lines, and failures that repeat."""

import json
import subprocess
import sys
from typing import Any

import pytest

from watchbook.clock import SECOND_US
from watchbook.logs import RepeatedFailure


class Said:
    """Keeps what was said, and the time at which it is said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.now_us = 0

    def __call__(self, event: str, **keys: Any) -> None:
        self.lines.append((event, keys))


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def failure(said: Said) -> RepeatedFailure:
    return RepeatedFailure(said, "batch_ship", clock=lambda: said.now_us)


def test_a_failure_that_repeats_is_said_once_in_30_s(said: Said, failure: RepeatedFailure) -> None:
    for second in range(61):
        said.now_us = second * SECOND_US
        failure.failed("refused", backoff_s=1)
    assert said.lines == [
        ("batch_ship_failed", {"error": "refused", "consecutive_errors": count, "backoff_s": 1})
        for count in (1, 31, 61)
    ]
    assert failure.consecutive_errors == 61
    assert failure.last_error == "refused"


def test_the_recovery_is_said_once(said: Said, failure: RepeatedFailure) -> None:
    failure.failed("refused")
    failure.failed("refused")
    failure.succeeded(url="u")
    failure.succeeded(url="u")
    assert said.lines[1:] == [("batch_ship_recovered", {"after_errors": 2, "url": "u"})]
    assert failure.consecutive_errors == 0
    assert failure.last_error is None


def test_a_success_without_a_failure_before_says_nothing(said: Said, failure: RepeatedFailure) -> None:
    failure.succeeded()
    assert said.lines == []


def test_the_next_failure_after_a_recovery_is_said_at_once(said: Said, failure: RepeatedFailure) -> None:
    failure.failed("first")
    failure.succeeded()
    failure.failed("second")
    assert [event for event, _ in said.lines] == ["batch_ship_failed", "batch_ship_recovered", "batch_ship_failed"]


def test_lines_are_json_on_standard_error_when_that_is_no_terminal() -> None:
    code = (
        "from watchbook.logs import configure_logs, get_logger; log = get_logger('store'); configure_logs('warning')\n"
        "log.info('segment_opened'); log.warning('disk_filled', free=3)\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: log.exception('writer_failed')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == ""
    full, failed = map(json.loads, done.stderr.splitlines())
    assert full.pop("timestamp").endswith("Z")
    assert full == {"event": "disk_filled", "level": "warning", "room": "store", "free": 3}
    assert failed["exception"][0]["exc_type"] == "ZeroDivisionError"


def test_what_is_to_be_hidden_is_in_no_line() -> None:
    code = (
        "from watchbook.logs import configure_logs, get_logger, set_log_redaction\n"
        "configure_logs(); log = get_logger('x')\n"
        "set_log_redaction(lambda event: {**event, 'said': event['said'].replace('hunter2', '[REDACTED]')})\n"
        "log.info('command_said', said='hunter2'); set_log_redaction(None); log.info('command_said', said='again')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = map(json.loads, done.stderr.splitlines())
    assert (first["said"], first["event"], second["said"]) == ("[REDACTED]", "command_said", "again")
