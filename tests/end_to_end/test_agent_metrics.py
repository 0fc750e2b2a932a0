"""The agent's own port: what Prometheus reads there, and whether all is well."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.stand import Stand, free_port, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

QUICK = "status_interval: 100ms\ntail: {rescan_interval: 200ms}\n"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def stand(tmp_path: Path, port: int) -> Iterator[Stand]:
    metrics = f"metrics: {{listen: '127.0.0.1:{port}', files_max: 2, retry_interval: 100ms}}\n"
    made = Stand(tmp_path / "stand", pattern="*.log", agent_extra=QUICK + metrics)
    made.agent_yaml.write_text(made.agent_yaml.read_text().replace("state:", "  retry_max: 500ms\nstate:", 1))
    made.collector.start()
    made.wait_until_up()
    yield made
    made.close()


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()
    except OSError as error:
        return 0, str(error)


def metrics(port: int) -> dict[str, list[tuple[dict[str, str], float]]]:
    status, text = get(port, "/metrics")
    assert status == 200, text
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        assert family.type in ("counter", "gauge"), family
        assert family.documentation
        for sample in family.samples:
            assert sample.name not in found or family.samples
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def paused(port: int) -> list[tuple[str, float]]:
    if get(port, "/metrics")[0] != 200:
        return []
    return [(labels["reason"], value) for labels, value in metrics(port)["watchbook_agent_paused"]]


def lines(count: int, first: int = 0) -> str:
    return "".join(
        json.dumps({"ts": "2026-11-21T10:00:00Z", "user": "a", "action": "viewed", "seq": first + n}) + "\n"
        for n in range(count)
    )


def health(port: int) -> tuple[int, Any]:
    status, text = get(port, "/healthz")
    return status, json.loads(text) if status else text


def test_prometheus_reads_what_happened_and_a_bounded_number_of_files(stand: Stand, port: int) -> None:
    for number, count in enumerate((10, 20, 30)):
        (stand.logs / f"{number}.log").write_text(lines(count, 100 * number))
    with (stand.logs / "0.log").open("a") as log:
        log.write("no json\n")
    stand.agent.start()
    wait_for("the events", lambda: stand.stored_events() == 61, 60, stand.evidence)
    wait_for("their receipt", lambda: metrics(port)["watchbook_agent_ship_events_total"] == [({}, 61)], 30)
    found = metrics(port)
    assert found["watchbook_agent_lines_total"] == [({"input": "app"}, 61)]
    assert found["watchbook_agent_events_total"] == [({"input": "app"}, 60)]
    assert found["watchbook_agent_unparsed_total"] == [({"input": "app"}, 1)]
    assert found["watchbook_agent_lag_bytes"] == [({"input": "app"}, 0)]
    assert found["watchbook_agent_files"] == [({"input": "app", "state": "live"}, 3)]
    assert found["watchbook_agent_files_unlisted"] == [({}, 1)]
    assert sum(value for _, value in found["watchbook_agent_file_bytes_read_total"]) > 0
    assert {labels["file"] for labels, _ in found["watchbook_agent_file_lag_bytes"]} == {
        str(stand.logs / "0.log"), str(stand.logs / "1.log")
    }  # fmt: skip
    assert found["watchbook_agent_problems"] == [({}, 0)]
    assert [labels["state"] for labels, value in found["watchbook_agent_ship_state"] if value] == ["idle"]
    assert abs(found["watchbook_agent_ship_last_success_timestamp_seconds"][0][1] - time.time()) < 120
    assert health(port) == (200, {"status": "ok", "problems": []})
    assert get(port, "/nothing")[0] == 404


def test_health_says_why_it_fails_as_status_does(stand: Stand, port: int) -> None:
    (stand.logs / "a.log").write_text(lines(1))
    stand.agent.start()
    wait_for("health", lambda: health(port)[0] == 200, 60, stand.evidence)
    stand.collector.stop()
    with (stand.logs / "a.log").open("a") as log:
        log.write(lines(1, 1))
    wait_for("the failure", lambda: health(port)[0] == 503, 60, stand.evidence)
    body = health(port)[1]
    assert body["status"] == "failing"
    assert "sending is retrying: " in body["problems"][0]
    assert any("sending is retrying" in problem for problem in stand.agent_status()["problems"])
    found = metrics(port)
    assert found["watchbook_agent_spool_events"][0][1] >= 1
    assert found["watchbook_agent_ship_retries_total"][0][1] >= 1
    stand.collector.start()
    wait_for("the recovery", lambda: health(port)[0] == 200, 60, stand.evidence)


def test_lag_is_told_in_bytes_and_seconds(stand: Stand, port: int) -> None:
    with stand.agent_yaml.open("a") as config:
        config.write("spool: {bytes_max: 1B}\n")
    stand.collector.stop()
    (stand.logs / "a.log").write_text(lines(10))
    stand.agent.start()
    wait_for("the pause", lambda: ("spool_full", 1) in paused(port), 60, stand.evidence)
    with (stand.logs / "a.log").open("a") as log:
        log.write(lines(10, 10))
    unread = len(lines(10, 10))
    wait_for("the lag", lambda: metrics(port)["watchbook_agent_lag_bytes"][0][1] == unread, 60, stand.evidence)
    wait_for("it to grow", lambda: metrics(port)["watchbook_agent_lag_seconds"][0][1] >= 0.3, 60, stand.evidence)
    assert paused(port) == [("spool_full", 1), ("spool_unwritable", 0)]
    (file,) = stand.agent_status()["files"]
    assert file["lag_bytes"] == unread
    assert file["lag_s"] >= 0.3
    stand.collector.start()
    assert stand.wait_until_stored(20, 60), stand.evidence()
    wait_for("no lag", lambda: metrics(port)["watchbook_agent_lag_seconds"][0][1] == 0, 60, stand.evidence)


def test_a_port_in_use_is_a_problem_and_no_reason_to_stop(stand: Stand, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        (stand.logs / "a.log").write_text(lines(1))
        stand.agent.start()
        wait_for("the event", lambda: stand.stored_events() == 1, 60, stand.evidence)
        wait_for("the problem", lambda: stand.agent_status()["problems"] != [], 30, stand.evidence)
        (problem,) = stand.agent_status()["problems"]
        assert f"metrics: 127.0.0.1:{port} cannot be used" in problem
    wait_for("the port", lambda: get(port, "/metrics")[0] == 200, 60, stand.evidence)
