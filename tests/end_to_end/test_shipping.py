"""Agent and collectors as real processes: answers get lost, a collector dies, certificates are renewed."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.authority import Authority, replace
from tests.cutter import Cutter
from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(240)]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "a")
    yield made
    made.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "b")
    yield made
    made.close()


def configure(stand: Stand, collector: str, batch: str = "{events_max: 20, group_events_max: 40}") -> None:
    stand.agent_yaml.write_text(
        f"collector:\n{collector}state: {stand.folder}/agent\nbatch: {batch}\nstatus_interval: 200ms\n"
        f"inputs:\n  - {{name: app, files: [{stand.logs}/app.log], profile: jsonl}}\n"
    )


def write(stand: Stand, numbers: range, pause_every: int = 50) -> None:
    with (stand.logs / "app.log").open("a") as log:
        for number in numbers:
            log.write(json.dumps({"actor": "alice", "action": "read", "event_type": "read", "seq": number}) + "\n")
            if number % pause_every == 0:
                log.flush()
                time.sleep(0.01)  # spreads the lines over several batches; nothing depends on how many


def events(stand: Stand) -> dict[int, str]:
    """Return the ids of the stored events by their numbers, as the API tells them."""
    found: dict[int, str] = {}
    path = "/v1/events?limit=500"
    while True:
        page = stand.get(path)
        found |= {e["details"]["seq"]: e["id"] for e in page["events"] if "seq" in e.get("details", {})}
        if page["next_cursor"] is None:
            return found
        path = f"/v1/events?limit=500&cursor={page['next_cursor']}"


def test_lost_answers_and_kills_lose_and_double_nothing(stand: Stand) -> None:
    stand.collector.start()
    stand.wait_until_up()
    cutter = Cutter(stand.port, seed=7)
    try:
        configure(stand, f"  url: {cutter.url}\n  token_file: {stand.folder}/agent.token\n  retry_max: 200ms\n")
        stand.agent.start()
        wait_for("the agent", lambda: stand.agent_status().get("running"), 60, stand.evidence)
        for part in range(3):
            write(stand, range(part * 400, part * 400 + 400))
            wait_for("progress", lambda n=part: stand.stored_events() > n * 400 + 100, 60, stand.evidence)
            stand.agent.kill()
            stand.agent.start()
        assert stand.wait_until_stored(1200, 90), stand.evidence()
        numbers = stand.stored_numbers()
        assert sorted(numbers) == list(range(1200))
        assert max(numbers.values()) == 1
        assert cutter.cut > 5
    finally:
        cutter.close()


def test_the_one_event_that_is_too_large_is_found_and_all_others_are_stored(tmp_path: Path) -> None:
    """The collector says that a batch is too large, and cannot say which event of it is."""
    stand = Stand(tmp_path / "a", collector_extra="receive: {batch_bytes_max: 20000}\n")
    try:
        collector = f"  url: {stand.url}\n  token_file: {stand.folder}/agent.token\n"
        configure(stand, collector, batch="{events_max: 64, group_events_max: 64}")
        write(stand, range(30))
        with (stand.logs / "app.log").open("a") as log:
            log.write(json.dumps({"actor": "bob", "action": "read", "seq": 30, "what": "x" * 30_000}) + "\n")
        write(stand, range(31, 60))
        stand.collector.start()
        stand.wait_until_up()
        stand.agent.start()
        assert stand.wait_until_stored(59, 60), stand.evidence()
        assert sorted(stand.stored_numbers().elements()) == [*range(30), *range(31, 60)]
        wait_for("the status", lambda: stand.agent_status().get("spool", {}).get("events") == 0, 60, stand.evidence)
        status = stand.agent_status()
        assert (status["spool"]["rejected"], status["agent"]["ship"]["rejected"]) == (1, 1)
        assert status["agent"]["ship"]["renewals"] == 0
        command = [sys.executable, "-m", "watchbook", "agent", "spool", "show", "--refused"]
        refused = subprocess.run(
            [*command, "--config", str(stand.agent_yaml)], capture_output=True, text=True, check=False
        )
        assert "the limit is 20000" in refused.stdout, refused.stdout + refused.stderr
    finally:
        stand.close()


def test_a_stand_in_takes_over_and_gives_back_and_what_is_in_both_stores_has_one_id(stand: Stand, other: Stand) -> None:
    """The first collector's answers get lost and it is killed; both stores together hold every line."""
    for each in (stand, other):
        each.collector.start()
        each.wait_until_up()
    cutter = Cutter(stand.port, seed=3, lost=0.3)
    try:
        configure(
            stand,
            f"  urls: ['{cutter.url}', '{other.url}']\n"
            f"  token_files: [{stand.folder}/agent.token, {other.folder}/agent.token]\n"
            "  retry_max: 100ms\n  failover_after: 500ms\n  return_interval: 500ms\n",
        )
        stand.agent.start()
        write(stand, range(1000))
        wait_for("the first to get some", lambda: stand.stored_events() > 200, 60, stand.evidence)
        stand.collector.kill()
        write(stand, range(1000, 2000))
        wait_for("the second to get some", lambda: other.stored_events() > 200, 60, stand.evidence)
        stand.agent.kill()
        stand.agent.start()
        wait_for(
            "everything to arrive",
            lambda: set(stand.stored_numbers()) | set(other.stored_numbers()) >= set(range(2000)),
            60,
            stand.evidence,
        )
        status = stand.agent_status()
        assert any("stands in for" in problem for problem in status["problems"]), status
        cutter.lost = 0.0
        stand.collector.start()
        stand.wait_until_up()
        before = stand.stored_events()
        wait_for("the first to be back", lambda: _goes_back(stand, before), 60, stand.evidence)
        here, there = stand.stored_numbers(), other.stored_numbers()
        assert max(here.values()) == max(there.values()) == 1, "nothing is doubled in either store"
        first, second = events(stand), events(other)
        assert (set(first), set(second)) == (set(here), set(there))
        both = set(first) & set(second)
        assert {number: first[number] for number in both} == {number: second[number] for number in both}
        assert set(first) | set(second) >= set(range(2000))
        assert len(both) <= 20, "at most the one batch whose answer was lost when the first died"
        assert stand.get("/v1/events?event_type=agent.batches_elsewhere")["events"]
        for each in (stand, other):
            command = [sys.executable, "-m", "watchbook", "verify", str(each.folder / "collector")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        cutter.close()


_next_number = iter(range(2000, 1_000_000))


def _goes_back(stand: Stand, before: int) -> bool:
    """Write a line and say whether the first collector has got one since."""
    number = next(_next_number)
    write(stand, range(number, number + 1))
    return stand.stored_events() > before and not stand.agent_status().get("problems")


def test_certificates_of_collector_and_agent_are_renewed_while_both_run(tmp_path: Path) -> None:
    authorities = {name: Authority(tmp_path / "pki", name) for name in ("servers", "clients", "next")}
    cert, key = authorities["servers"].issue("collector")
    agent_cert, agent_key = authorities["clients"].issue("agent", "agent.example")
    tls = (
        f"{{cert_file: {cert}, key_file: {key}, client_ca_file: {authorities['clients'].file}, reload_interval: 100ms}}"
    )
    stand = Stand(tmp_path / "a", collector_extra=f"web: {{tls: {tls}}}\n")
    cutter = Cutter(stand.port, lost=0.0)
    try:
        trusted = tmp_path / "trusted.pem"
        trusted.write_bytes(authorities["servers"].file.read_bytes())
        configure(
            stand,
            f"  url: https://127.0.0.1:{cutter.port}\n  token_file: {stand.folder}/agent.token\n  retry_max: 200ms\n"
            f"  tls: {{ca_file: {trusted}, cert_file: {agent_cert}, key_file: {agent_key}}}\n",
        )
        assert "web.tls" in checked("collector", stand.collector_yaml, 0)
        stand.collector.start()
        wait_for("the store", lambda: list(stand.segments.glob("*.blk")), 60, stand.evidence)
        stand.agent.start()
        write(stand, range(100))
        assert stand.wait_until_stored(100, 60), stand.evidence()
        assert "answers and takes the token" in checked("agent", stand.agent_yaml, 0)
        new_cert, new_key = authorities["next"].issue("renewed")
        replace(key, new_key.read_bytes())
        replace(cert, new_cert.read_bytes())
        wait_for(
            "the collector to take it", lambda: "tls_files_loaded" in stand.collector.log_tail(1), 60, stand.evidence
        )
        cutter.lost = 1.0  # of the open connection, so that the next one meets the new certificate
        write(stand, range(100, 200))
        wait_for("the cut", lambda: cutter.cut, 60, stand.evidence)
        cutter.lost = 0.0
        wait_for("the mistrust", lambda: "not trusted" in str(stand.agent_status()), 60, stand.evidence)
        write(stand, range(200, 300))  # what came before may have been stored before its answer was cut off
        wait_for("lines that wait", lambda: stand.agent_status()["spool"]["events"] >= 100, 60, stand.evidence)
        assert stand.stored_events() <= 200
        replace(trusted, authorities["next"].file.read_bytes())
        assert stand.wait_until_stored(300, 60), stand.evidence()
        assert sorted(stand.stored_numbers().elements()) == list(range(300))
    finally:
        cutter.close()
        stand.close()


def test_a_collector_whose_certificate_cannot_be_used_does_not_start(tmp_path: Path) -> None:
    tls = f"{{cert_file: {tmp_path}/none.pem}}"
    stand = Stand(tmp_path / "a", collector_extra=f"web: {{tls: {tls}}}\n")
    assert f"WRONG  web.tls: {tmp_path}/none.pem: cannot be read" in checked("collector", stand.collector_yaml, 1)
    stand.collector.start()
    wait_for("it to end", lambda: not stand.collector.is_running(), 60, stand.evidence)
    assert f"watchbook collector: 'web.tls': {tmp_path}/none.pem: cannot be read" in stand.collector.log_tail()
    assert stand.collector.stop() == 78


def checked(program: str, config: Path, code: int) -> str:
    command = [sys.executable, "-m", "watchbook", program, "check", "--config", str(config)]
    done: Any = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return str(done.stdout)
