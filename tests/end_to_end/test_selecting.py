"""Rules that drop and sample in a real agent: counted by rule everywhere, exact in bytes, decided again the same."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stand import Stand, free_port, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

LINES = 2000
RULES = """\
    drop: [{name: heartbeats, when: {action: read, details.probe: true}}]
    sample: [{name: pages, when: {action: read}, keep: 1 in 10}]
"""
ALL_INPUTS = "drop: [{name: inside, when: {source.ip: 10.0.0.0/8}}]\n"


def line(number: int) -> str:
    """Return a line: in ten, one update, one login from inside, four heartbeats, four page views."""
    kind = number % 10
    event: dict[str, object] = {"ts": "2026-11-21T10:00:00Z", "user": "alice", "seq": number}
    if kind == 0:
        event["action"] = "update"
    elif kind == 1:
        event |= {"action": "login", "ip": "10.1.2.3"}
    else:
        event |= {"action": "viewed", "probe": kind < 6}
    return json.dumps(event) + "\n"


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    port = free_port()
    extra = f"status_interval: 100ms\n{ALL_INPUTS}metrics: {{listen: '127.0.0.1:{port}'}}\n"
    made = Stand(tmp_path / "stand", agent_extra=RULES + extra)
    made.port_of_metrics = port  # type: ignore[attr-defined]
    made.collector.start()
    made.wait_until_up()
    yield made
    made.close()


def test_what_rules_drop_is_counted_by_rule_and_a_repeat_after_a_crash_decides_the_same(stand: Stand) -> None:
    log = stand.logs / "app.log"
    log.write_text("".join(map(line, range(LINES))) + "no JSON at all\n")
    stand.agent.start()
    wait_for("the events", lambda: stand.stored_events() >= LINES / 10 + 2, 60, stand.evidence)
    stand.agent.kill()
    with log.open("a") as more:
        more.write("".join(map(line, range(LINES, 2 * LINES))))
    stand.agent.start()
    wait_for("the rest", lambda: _position(stand) == log.stat().st_size, 60, stand.evidence)
    status = stand.agent_status()
    assert stand.wait_until_stored(status["counters"]["app"]["events"] + 1, 60), stand.evidence()
    numbers = stand.stored_numbers()
    assert set(numbers.values()) == {1}
    kinds = [number % 10 for number in numbers]
    assert (kinds.count(0), kinds.count(1)) == (2 * LINES // 10, 0)
    assert {kind for kind in kinds if 2 <= kind < 6} == set()
    pages = sum(kind >= 6 for kind in kinds)
    assert 100 < pages < 220  # a tenth of 1600
    dropped, kept = status["dropped_by_rule"]["app"], status["kept_by_rule"]["app"]
    assert dropped == {"heartbeats": 8 * LINES // 10, "inside": 2 * LINES // 10, "pages": 8 * LINES // 10 - pages}
    assert kept == {"pages": pages}
    counters = status["counters"]["app"]
    assert counters["lines"] == counters["events"] + counters["unparsed"] + sum(dropped.values()) == 2 * LINES + 1
    parts = ("delivered", "dropped", "unparsed", "lost")
    assert counters["bytes_read"] == sum(counters.get(f"bytes_{part}", 0) for part in parts) == log.stat().st_size
    assert counters["bytes_dropped"] == sum(len(line(number)) for number in range(2 * LINES) if number not in numbers)
    _shown_everywhere(stand, dropped, pages)


def _position(stand: Stand) -> int:
    files = stand.agent_status().get("files") or [{"position": 0}]
    return int(files[0]["position"])


def _shown_everywhere(stand: Stand, dropped: dict[str, int], pages: int) -> None:
    command = [sys.executable, "-m", "watchbook", "agent", "status", "--config", str(stand.agent_yaml)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert f"  heartbeats: {dropped['heartbeats']} events dropped\n" in shown
    assert f"  pages: {dropped['pages']} of {dropped['pages'] + pages} events dropped\n" in shown
    port = stand.port_of_metrics  # type: ignore[attr-defined]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        metrics = answer.read().decode()
    for rule, count in dropped.items():
        assert f'watchbook_agent_rule_dropped_total{{input="app",rule="{rule}"}} {count}\n' in metrics
    assert f'watchbook_agent_rule_kept_total{{input="app",rule="pages"}} {pages}\n' in metrics


def test_a_reload_takes_rules_in_and_check_tells_of_those_that_want_nothing_or_all(stand: Stand) -> None:
    log = stand.logs / "app.log"
    log.write_text("".join(map(line, range(10))))
    stand.agent.start()
    wait_for("the events", lambda: _position(stand) == log.stat().st_size, 60, stand.evidence)
    before = stand.agent_status()["counters"]["app"]["events"]
    rules = "    drop: [{name: everything, when: {actor.id: alice}}, {name: nothing, when: {action: export}}]\n"
    stand.agent_yaml.write_text(stand.agent_yaml.read_text().replace(RULES, rules))
    stand.agent.send(signal.SIGHUP)
    wait_for("the reload", lambda: (stand.agent_status()["agent"]["reload"] or {}).get("ok"), 30, stand.evidence)
    with log.open("a") as more:
        more.write("".join(map(line, range(10, 20))))
    wait_for("the rest", lambda: _position(stand) == log.stat().st_size, 60, stand.evidence)
    status = stand.agent_status()
    assert status["counters"]["app"]["events"] == before
    assert status["dropped_by_rule"]["app"]["everything"] == 10
    command = [sys.executable, "-m", "watchbook", "agent", "check", "--config", str(stand.agent_yaml)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = re.findall(r"^(\w+) +((?:input app: )?rule .*)$", done.stdout, re.MULTILINE)
    assert said == [
        ("note", "input app: rule everything: wants all of the last 20 events; look at its 'when'"),
        ("note", "input app: rule nothing: wants none of the last 20 events; look at its 'when'"),
        ("ok", "rule inside: wants 2 of the last 20 events"),
    ]
    assert done.returncode == 0, done.stdout
