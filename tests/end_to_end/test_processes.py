"""The processes of the one daemon, as an operator sees them: killed one by one, stopped, interrupted."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stand import COLLECTOR, Stand, is_alive, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "stand")
    made.collector.start()
    made.wait_until_up()
    yield made
    made.close()


def post(stand: Stand, *actors: str) -> None:
    events = [{"actor": {"type": "user", "id": actor}, "action": "read", "event_type": "read"} for actor in actors]
    request = urllib.request.Request(
        f"{stand.url}/v1/events",
        data=json.dumps(events).encode(),
        headers={
            "Authorization": f"Bearer {(stand.folder / 'agent.token').read_text().strip()}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status < 300


def actors(stand: Stand) -> list[str]:
    return [event["actor"]["id"] for event in stand.get("/v1/events")["events"]]


def asked_again(stand: Stand) -> list[str]:
    """Ask as a client does that is told to try again later: a question may die with both workers."""
    for _ in range(30):
        try:
            return actors(stand)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(float(error.headers["Retry-After"]))
    raise AssertionError("no answer after 30 tries")


def metric(stand: Stand, sample: str) -> float:
    with urllib.request.urlopen(f"{stand.url}/metrics", timeout=30) as answer:
        found = re.search(rf"^{re.escape(sample)} (\S+)$", answer.read().decode(), re.MULTILINE)
    assert found, sample
    return float(found[1])


def _parent_of(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def by_kind(stand: Stand, kind: str) -> list[int]:
    return [pid for pid, found in stand.collector.children().items() if found == kind]


def test_queries_and_ingest_go_on_when_workers_are_killed(stand: Stand) -> None:
    post(stand, "alice")
    wait_for("both workers", lambda: len(by_kind(stand, "query")) == 2, 30)
    for pid in by_kind(stand, "query"):
        os.kill(pid, signal.SIGKILL)
    assert asked_again(stand) == ["alice"]
    post(stand, "bob")
    assert sorted(asked_again(stand)) == ["alice", "bob"]
    wait_for(
        "the restarts to be counted", lambda: metric(stand, 'watchbook_worker_restarts_total{kind="query"}') == 2, 30
    )


def test_what_is_stored_while_the_index_process_is_away_is_found_and_then_indexed(stand: Stand) -> None:
    wait_for("the index process", lambda: by_kind(stand, "index"), 30)
    (index,) = by_kind(stand, "index")
    os.kill(index, signal.SIGKILL)
    post(stand, "alice")
    assert actors(stand) == ["alice"]
    wait_for("the index", lambda: metric(stand, "watchbook_index_behind_events") == 0, 60, stand.evidence)
    assert metric(stand, 'watchbook_worker_up{kind="index"}') == 1
    assert actors(stand) == ["alice"]


def test_every_process_shows_what_it_uses(stand: Stand) -> None:
    for process in ("main", "query-1", "query-2", "index"):
        assert metric(stand, f'watchbook_process_resident_bytes{{process="{process}"}}') > 10_000_000
        assert metric(stand, f'watchbook_process_cpu_seconds_total{{process="{process}"}}') > 0


def test_all_processes_end_with_the_collector_however_it_ends(stand: Stand) -> None:
    wait_for("all processes", lambda: len(stand.collector.children()) == 3, 30)
    pids = list(stand.collector.children())
    stand.collector.kill()
    wait_for("the processes to end", lambda: not any(map(is_alive, pids)), 30)

    stand.collector.start()
    stand.wait_until_up()
    pids = list(stand.collector.children())
    assert stand.collector.stop() == 0, stand.evidence()
    assert not any(map(is_alive, pids))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_is_one_clean_stop(stand: Stand, tmp_path: Path, number: int) -> None:
    stand.collector.stop()
    log = tmp_path / "group.out"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, *COLLECTOR, "run", "--config", str(stand.collector_yaml)],
            stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        stand.wait_until_up()
        post(stand, "alice")
        if number == signal.SIGINT:  # what a terminal does
            os.killpg(process.pid, number)
        else:  # what systemd does with every process of the unit
            for path in Path("/proc").glob("[0-9]*/stat"):
                if _parent_of(path) == process.pid:
                    os.kill(int(path.parent.name), number)
            process.send_signal(number)
        assert process.wait(60) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
    said = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert said[-1] == "collector_stopped"
    assert not [event for event in said if "failed" in event], said


def test_a_query_under_way_is_answered_before_the_collector_stops(stand: Stand) -> None:
    post(stand, *(f"user{number}" for number in range(500)))
    request = urllib.request.Request(
        f"{stand.url}/v1/events?limit=500", headers={"Authorization": f"Bearer {stand.token}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        os.kill(stand.collector.pid, signal.SIGTERM)
        document: Any = json.loads(answer.read())
    assert len(document["events"]) == 500
    deadline = time.monotonic() + 30
    while stand.collector.is_running():
        assert time.monotonic() < deadline
        time.sleep(0.02)
