"""An agent's life in the registry with real processes: let in, seen, lost, back, renamed, put out."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

COLLECTOR_EXTRA = "agents: {silent_after: 2s, write_every: 200ms}\n"
AGENT_EXTRA = "heartbeat_interval: 200ms\nstatus_interval: 200ms\n"


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "stand", collector_extra=COLLECTOR_EXTRA, agent_extra=AGENT_EXTRA)
    (made.folder / "agent.token").unlink()
    config = made.agent_yaml.read_text().replace("state:", "  refused_wait: 200ms\nstate:", 1)
    made.agent_yaml.write_text(config)
    yield made
    made.close()


def run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "watchbook", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


def collector(stand: Stand, *words: str) -> str:
    done = run("collector", *words, WATCHBOOK_COLLECTOR_CONFIG=str(stand.collector_yaml))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def one_time_token(stand: Stand, *options: str) -> str:
    return collector(stand, "enrolment", "create", *options)


def enrol(stand: Stand, token: str, *options: str, config: Path | None = None) -> "subprocess.CompletedProcess[str]":
    path = str(config or stand.agent_yaml)
    return run("agent", "enroll", "--config", path, "--url", stand.url, "--token", token, *options)


def admin(stand: Stand, *words: str) -> "subprocess.CompletedProcess[str]":
    path = stand.folder / "admin.token"
    if not path.exists():
        path.write_text(collector(stand, "token", "create", "--name", "admin", "--scope", "admin"))
    return run("agents", *words, WATCHBOOK_URL=stand.url, WATCHBOOK_TOKEN_FILE=str(path))


def listed(stand: Stand) -> dict[str, dict[str, Any]]:
    return {agent["name"]: agent for agent in stand.get("/v1/agents")["agents"]}


def own_events(stand: Stand, event_type: str) -> list[dict[str, Any]]:
    found = stand.get(f"/v1/events?event_type={event_type}&limit=100")["events"]
    assert isinstance(found, list)
    return found


def write(stand: Stand, *numbers: int) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with (stand.logs / "app.log").open("a") as log:
        log.writelines(json.dumps({"ts": now, "user": "alice", "action": "viewed", "seq": n}) + "\n" for n in numbers)


def test_the_life_of_an_agent(stand: Stand) -> None:
    stand.collector.start()
    stand.wait_until_up()
    token = one_time_token(stand, "--name", "web01", "--note", "the first")
    assert token.startswith("wbe_")
    done = enrol(stand, token)
    assert done.returncode == 0, done.stderr
    assert "Enrolled as web01" in done.stdout
    token_file = stand.folder / "agent.token"
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert token_file.read_text().startswith("wb_")
    assert 'name: "web01"' in stand.agent_yaml.read_text()
    assert listed(stand)["web01"]["state"] == "never_seen"

    again = enrol(stand, token)
    assert again.returncode == 1
    assert "was used already" in again.stderr
    assert "used     1/1" in collector(stand, "enrolment", "list")

    stand.agent.start()
    write(stand, 1, 2, 3)
    wait_for("the events", lambda: stand.get("/v1/events?q=origin.agent:web01")["events"], 60, stand.evidence)
    wait_for("a heartbeat", lambda: listed(stand)["web01"].get("backlog"), 60, stand.evidence)
    web01 = listed(stand)["web01"]
    (line,) = admin(stand).stdout.splitlines()
    assert json.loads(line)["id"] == web01["id"]
    assert (web01["state"], web01["enrolled"], web01["host"]) == ("ok", True, socket.gethostname())
    assert stand.get("/v1/events?q=flags:agent_mismatch")["events"] == []
    shown = json.loads(admin(stand, "show", "web01", "--json").stdout)
    assert shown["streams"] == [stand.agent_status()["spool"]["stream"]]

    stand.agent.kill()
    wait_for("the silence", lambda: own_events(stand, "agent.silent"), 60, stand.evidence)
    (silent,) = own_events(stand, "agent.silent")
    assert (silent["resource"]["name"], silent["outcome"]) == ("web01", "failure")
    wait_for("the alert", lambda: _alert(stand, "Agent silent"), 60, stand.evidence)
    assert listed(stand)["web01"]["state"] == "silent"
    # A collector that starts again neither repeats the silence nor makes one up.
    assert stand.collector.stop() == 0
    stand.collector.start()
    stand.wait_until_up()
    assert listed(stand)["web01"]["state"] == "silent"

    stand.agent.start()
    wait_for("the return", lambda: own_events(stand, "agent.returned"), 60, stand.evidence)
    assert listed(stand)["web01"]["state"] == "ok"
    assert len(own_events(stand, "agent.silent")) == 1

    assert admin(stand, "rename", "web01", "web02").returncode == 0
    write(stand, 4)
    wait_for("the event", lambda: stand.stored_numbers()[4], 60, stand.evidence)
    assert stand.get("/v1/events?q=flags:agent_mismatch")["events"] == []

    assert admin(stand, "revoke", "web02").returncode == 0
    write(stand, 5)
    wait_for("the pause", lambda: "was revoked" in str(stand.agent_status().get("problems")), 60, stand.evidence)
    wait_for("the pause", lambda: stand.agent_status()["agent"]["ship"]["state"] == "paused", 60, stand.evidence)
    assert stand.agent_status()["spool"]["events"] == 1
    assert listed(stand)["web02"]["state"] == "revoked"
    told = [event["event_type"] for event in stand.get("/v1/events?q=module:agents&limit=100")["events"]]
    assert sorted(told) == [
        "agent.enrolled", "agent.renamed", "agent.returned", "agent.revoked", "agent.silent", "enrolment.created",
    ]  # fmt: skip

    # Enrolled anew, the agent goes on where it was: nothing is lost, nothing doubled.
    done = enrol(stand, one_time_token(stand))
    assert done.returncode == 0, done.stderr
    wait_for("the rest", lambda: stand.stored_numbers()[5], 60, stand.evidence)
    assert stand.stored_numbers() == dict.fromkeys(range(1, 6), 1)
    assert stand.agent_status()["agent"]["ship"]["renewals"] == 0


def _alert(stand: Stand, title: str) -> list[Any]:
    return [alert for alert in stand.get("/v1/alerts")["alerts"] if alert["title"] == title]


def test_an_agent_with_a_foreign_name_is_flagged_and_a_copied_spool_begins_its_own_stream(
    stand: Stand, tmp_path: Path
) -> None:
    stand.collector.start()
    stand.wait_until_up()
    assert enrol(stand, one_time_token(stand, "--name", "web01")).returncode == 0
    stand.agent_yaml.write_text(stand.agent_yaml.read_text().replace('name: "web01"', "name: db01"))
    write(stand, 1, 2)
    stand.agent.start()
    wait_for("the events", lambda: stand.stored_numbers()[2], 60, stand.evidence)
    flagged = stand.get("/v1/events?q=flags:agent_mismatch")["events"]
    assert sorted(event["details"]["seq"] for event in flagged) == [1, 2]
    assert {event["origin"]["agent"] for event in flagged} == {"db01"}
    assert stand.agent.stop() == 0

    # Another agent with a copy of the state folder: its token is another, so is its stream from now on.
    (stand.folder / "agent.token").unlink()
    stand.agent_yaml.write_text(stand.agent_yaml.read_text().replace("name: db01", "name: web02"))
    assert enrol(stand, one_time_token(stand)).returncode == 0
    write(stand, 3)
    stand.agent.start()
    wait_for("the event", lambda: stand.stored_numbers()[3], 60, stand.evidence)
    assert stand.stored_numbers() == {1: 1, 2: 1, 3: 1}
    # The status is written now and then.
    wait_for("it", lambda: stand.agent_status()["agent"]["ship"]["renewals"] == 1, 30, stand.evidence)
    wait_for("the event of it", lambda: len(own_events(stand, "agent.stream_renewed")) == 1, 30, stand.evidence)


def test_a_host_without_a_configuration_gets_one_that_works(stand: Stand, tmp_path: Path) -> None:
    stand.collector.start()
    stand.wait_until_up()
    config, state = tmp_path / "etc" / "agent.yaml", tmp_path / "var"
    done = enrol(stand, one_time_token(stand, "--name", "new01"), "--state", str(state), config=config)
    assert done.returncode == 0, done.stderr
    assert f"Wrote {config}" in done.stdout
    checked = run("agent", "check", "--config", str(config))
    assert f"{stand.url} answers and takes the token" in checked.stdout
    assert (tmp_path / "etc" / "agent.token").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in sorted(config.parent.iterdir())] == ["agent.token", "agent.yaml"]
