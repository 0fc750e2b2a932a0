"""The whole way with real processes: from a line in a file to a search, an alert, and all that may go wrong between."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

MakeStand = Callable[..., Stand]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "stand")
    yield made
    made.close()


def entry(number: int, **values: Any) -> str:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"ts": now, "user": "alice@example.com", "action": "viewed", "resource": {"type": "report", "id": "r1"}}
    return json.dumps({**line, "status": "success", "seq": number, **values}) + "\n"


def write(stand: Stand, *lines: str) -> None:
    with (stand.logs / "app.log").open("a") as log:
        log.write("".join(lines))


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "watchbook", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


def start_both(stand: Stand) -> None:
    stand.collector.start()
    stand.wait_until_up()
    stand.agent.start()


def wait_until_stored(stand: Stand, events: int) -> None:
    wait_for(f"{events} events", lambda: stand.stored_events() >= events, 60, stand.evidence)


def test_a_line_becomes_an_event_that_is_found_and_an_alert(stand: Stand) -> None:
    start_both(stand)
    write(stand, entry(1), entry(2, action="granted", resource={"type": "permission", "id": "p"}), "no json\n")
    wait_until_stored(stand, 3)
    (granted,) = stand.get("/v1/events?action=grant")["events"]
    assert granted["actor"] == {"type": "user", "id": "alice@example.com", "email": "alice@example.com"}
    assert (granted["event_type"], granted["category"], granted["outcome"]) == ("granted", "permission", "success")
    assert granted["origin"]["file"] == str(stand.logs / "app.log")
    assert stand.get(f"/v1/events/{granted['id']}")["action"] == "grant"
    (unparsed,) = stand.get("/v1/events?q=flags:unparsed")["events"]
    assert unparsed["raw"] == "no json"
    wait_for("the alert", lambda: stand.get("/v1/alerts")["alerts"], 30, stand.evidence)
    (alert,) = stand.get("/v1/alerts")["alerts"]
    assert "ermission" in alert["title"]
    assert stand.get(f"/v1/alerts/{alert['id']}")["event_ids"] == [granted["id"]]


def test_the_operators_words_find_the_event(stand: Stand) -> None:
    start_both(stand)
    write(stand, entry(1), entry(2, status="failed", error="disk full"))
    wait_until_stored(stand, 2)
    found = run(
        "search", "actor:alice outcome:failure", "--since", "1h", WATCHBOOK_URL=stand.url, WATCHBOOK_TOKEN=stand.token
    )
    assert found.returncode == 0, found.stderr
    (event,) = [json.loads(line) for line in found.stdout.splitlines()]
    assert event["reason"] == "disk full"


def test_a_wrong_token_pauses_the_agent_and_costs_nothing(stand: Stand) -> None:
    token_file = stand.folder / "agent.token"
    right = token_file.read_text()
    token_file.write_text("wb_wrong")
    with stand.agent_yaml.open("a") as config:
        config.write("status_interval: 200ms\n")
    config_text = stand.agent_yaml.read_text().replace("state:", "  refused_wait: 200ms\nstate:")
    stand.agent_yaml.write_text(config_text)
    start_both(stand)
    write(stand, *map(entry, range(50)))
    wait_for("the pause", lambda: stand.agent_status().get("agent", {}).get("ship", {}).get("state") == "paused", 30)
    status = stand.agent_status()
    assert status["spool"]["events"] == 50
    assert any("401" in problem for problem in status["problems"])
    token_file.write_text(right)
    wait_until_stored(stand, 50)
    assert sorted(stand.stored_numbers()) == list(range(50))


def test_both_programs_end_when_asked_and_say_so_with_their_exit_code(stand: Stand) -> None:
    start_both(stand)
    write(stand, *map(entry, range(2000)))
    wait_for("the agent", lambda: stand.agent_status().get("running"), 30, stand.evidence)
    assert stand.agent.stop() == 0, stand.evidence()
    assert stand.collector.stop() == 0, stand.evidence()
    assert not stand.agent_status()["running"]


def test_a_mistake_in_a_configuration_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    agent = tmp_path / "agent.yaml"
    agent.write_text(
        "collector: {url: nowhere, token: t}\nstate: /tmp/x\ninputs:\n  - name: a\n    files: [rel.log]\n"
        "    profile: jsonl\n    colour: red\ntail:\n  tick: fast\n"
    )
    done = run("agent", "run", "--config", str(agent))
    assert done.returncode == 78
    assert f"{agent}:1:18: 'collector.url': expected a URL" in done.stderr
    assert f"{agent}:7:5: 'inputs[0].colour'" in done.stderr
    assert f"{agent}:9:9: 'tail.tick': expected a duration, found 'fast'" in done.stderr
    collector = tmp_path / "collector.yaml"
    collector.write_text(f"listen: 127.0.0.1\ndata: {tmp_path}/data\nstore: {{segment_events_max: 0}}\n")
    done = run("collector", "run", "--config", str(collector))
    assert done.returncode == 78
    assert f"{collector}:1:9: 'listen': expected an address and a port" in done.stderr
    assert f"{collector}:3:29: 'store.segment_events_max': expected a value above zero, found '0'" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_folder_of_a_newer_version_is_refused(stand: Stand) -> None:
    start_both(stand)
    write(stand, entry(1))
    wait_until_stored(stand, 1)
    stand.agent.stop()
    stand.collector.stop()
    (segment,) = (stand.folder / "collector" / "segments").glob("*.blk")
    for path in (segment, stand.folder / "agent" / "spool.db"):
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version=999")
        connection.close()
    for word, config in (("collector", stand.collector_yaml), ("agent", stand.agent_yaml)):
        done = run(word, "run", "--config", str(config))
        assert done.returncode == 65
        assert "written by a newer Watchbook (format 999" in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk can only be made by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("reserve", ["0B", "1MiB"])
def test_a_full_disk_at_the_collector_costs_nothing(tmp_path: Path, small_disk: Path, reserve: str) -> None:
    (small_disk / "collector").mkdir()
    (tmp_path / "stand").mkdir()
    (tmp_path / "stand" / "collector").symlink_to(small_disk / "collector")
    stand = Stand(tmp_path / "stand", collector_extra=f"store: {{free_bytes_min: {reserve}}}\n")
    try:
        start_both(stand)
        write(stand, *(entry(n, noise=os.urandom(400).hex()) for n in range(12_000)))
        wait_for("the disk to be full", lambda: "store_unavailable" in _metrics_refusals(stand), 60, stand.evidence)
        assert not stand.is_ready()
        assert stand.agent_status()["spool"]["events"] > 0
        subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
        wait_until_stored(stand, 12_000)
        assert stand.stored_numbers() == dict.fromkeys(range(12_000), 1)
        assert stand.is_ready()
    finally:
        stand.close()


def _metrics_refusals(stand: Stand) -> str:
    import urllib.request

    with urllib.request.urlopen(f"{stand.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    lines = [line for line in text.splitlines() if line.startswith("watchbook_receive_refused")]
    return " ".join(lines).replace("-", "_")
