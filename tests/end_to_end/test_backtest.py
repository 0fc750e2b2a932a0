"""Back-tests and explanations over HTTP by a real collector: the alerts are those that it raised itself."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collector.kinds_of_rules import RULES, STREAMS, log_of
from tests.collector.web.test_openapi import check, schema_of
from tests.stand import Stand, wait_for
from watchbook import wire
from watchbook.clock import SECOND_US, now_us

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(400)]

EVENTS = 100_000
TOLD = ("id", "count", "first", "last", "group")


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("backtest")
    (folder / "rules").mkdir()
    (folder / "rules" / "kinds.yml").write_text(RULES)
    made = Stand(
        folder / "stand", collector_extra=f"rules: [{folder}/rules]\nstore:\n  segment_events_max: 30000\n"
    )  # fmt: skip
    made.collector.start()
    made.wait_until_up()
    fill(made)
    wait_for(
        "two segments to be sealed", lambda: len(list(made.segments.glob("*.sealed.blk"))) >= 2, 120, made.evidence
    )
    yield made
    made.close()


def fill(stand: Stand) -> None:
    """Send the log as three agents would: each stream in its order, late events among the others."""
    token = (stand.folder / "agent.token").read_text()
    begin = now_us() - 3 * 86_400 * SECOND_US
    for sent in log_of(EVENTS, begin):
        headers = {
            "Authorization": f"Bearer {token}", "Content-Type": wire.CONTENT_TYPE,
            wire.STREAM_HEADER: sent.stream, wire.SEQUENCE_HEADER: str(sent.sequence),
        }  # fmt: skip
        body = wire.encode_batch(len(sent.events), wire.columns_of(sent.events))
        request = urllib.request.Request(f"{stand.url}/v1/batches", data=body, headers=headers, method="POST")
        urllib.request.urlopen(request, timeout=60).close()
    wait_for("the rules to have read all", lambda: behind(stand) == 0, 120, stand.evidence)


def behind(stand: Stand) -> float:
    request = urllib.request.Request(f"{stand.url}/metrics", headers={"Authorization": f"Bearer {stand.token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith("watchbook_rules_behind_events ")).split()[1])


def post(stand: Stand, path: str, document: Any) -> list[dict[str, Any]]:
    """Return the lines of an answer."""
    headers = {"Authorization": f"Bearer {stand.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{stand.url}{path}", json.dumps(document).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=120) as answer:
        return [json.loads(line) for line in answer]


def alerts_of(stand: Stand) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    cursor = ""
    while True:
        page = stand.get(f"/v1/alerts?limit=500{cursor}")
        found |= {alert["id"]: alert for alert in page["alerts"]}
        if page.get("next_cursor") is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def told(alert: dict[str, Any]) -> dict[str, Any]:
    return {name: alert[name] for name in TOLD}


def test_a_backtest_gives_the_alerts_that_the_collector_raised(stand: Stand) -> None:
    raised = alerts_of(stand)
    assert {segment.tier for segment in stand._reader().segments()} == {"hot", "sealed"}
    rules = {rule["id"]: rule for rule in stand.get("/v1/rules")["rules"]}
    fired = {alert["rule_id"] for alert in raised.values()}
    assert fired == {rule_id for rule_id, rule in rules.items() if rule["state"] != "counted"}
    for rule_id, rule in rules.items():
        if rule["state"] == "counted":
            continue
        lines = post(stand, "/v1/rules/backtest", {"rule": rule["name"], "alerts": 10_000, "from": "5d"})
        assert all("progress" in line for line in lines[:-1])
        for line in lines:
            check(line, schema_of("/v1/rules/backtest", 200, "post"))
        (result,) = lines[-1]["result"]["rules"]
        live = {key: told(alert) for key, alert in raised.items() if alert["rule_id"] == rule_id}
        assert {alert["id"]: told(alert) for alert in result["listed"]} == live, rule["name"]
        assert result["alerts"] == len(live) > 0
        assert sum(bucket["alerts"] for bucket in result["histogram"]["buckets"]) == len(live)
        assert lines[-1]["result"]["events"] >= EVENTS


def test_a_rule_that_is_not_loaded_is_tested_as_a_text(stand: Stand) -> None:
    text = RULES.split("---\n")[3].replace("quiet: 3m", "quiet: 1h").replace("00000004", "77777777")
    wanted = {"text": text.replace("deleted", "dropped"), "name": "mine.yml", "from": "5d", "q": "actor:user1"}
    result = post(stand, "/v1/rules/backtest", wanted)[-1]["result"]
    (rule,) = result["rules"]
    assert rule["alerts"] > 0
    assert {group["group"]["actor.id"] for group in rule["top_groups"]} == {"user1"}


@pytest.mark.parametrize(
    ("wanted", "status", "said"),
    [
        ({"rule": "nothing"}, 404, "there is no rule"),
        ({}, 422, "either 'rule'"),
        ({"text": "title: x\ndetection: {a: {b: 1}, condition: a}\n", "name": "mine.yml"}, 422, "mine.yml:"),
        ({"text": "title: [", "name": "mine.yml"}, 422, "mine.yml:"),
        ({"rule": "deleted", "from": "yesterdayish"}, 400, "'from'"),
        ({"rule": "deleted", "q": "actor:("}, 400, "'q'"),
        ({"rule": "deleted", "since": "1d"}, 422, "since"),
        ({"rule": "deleted", "alerts": 0}, 422, "'alerts'"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_line(
    stand: Stand, wanted: dict[str, Any], status: int, said: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(stand, "/v1/rules/backtest", wanted)
    assert refused.value.code == status
    assert said in json.loads(refused.value.read())["detail"]


def test_an_explanation_tells_every_test_and_what_the_rules_remember(stand: Stand) -> None:
    (event,) = stand.get("/v1/events?limit=1&q=action:login+outcome:failure+has:actor.id")["events"]
    found = stand.get(f"/v1/rules/many_failures/explain?event={event['id']}")
    check(found, schema_of("/v1/rules/{id}/explain", 200))
    (detection,) = found["detections"]
    tests = {test["field"]: test for test in detection["condition"]["args"]}
    assert tests["outcome"]["holds"] is True
    assert tests["outcome"]["value"] == "failure"
    assert (found["matches"], found["counted"]) == (True, True)
    assert found["group"] == {"actor.id": event["actor"]["id"]}
    window = found["window"]["now"]
    assert window["events"] == window["measured"] >= 1
    assert window["holds"] == (window["measured"] >= 4)
    ordered = stand.get(f"/v1/rules/in_order/explain?event={event['id']}")
    check(ordered, schema_of("/v1/rules/{id}/explain", 200))
    assert [each["rule"] for each in ordered["detections"]] == ["failed", "granted", "exported"]
    assert [each["matches"] for each in ordered["detections"]] == [True, False, False]
    (read,) = stand.get("/v1/events?limit=1&q=action:read")["events"]
    other = stand.get(f"/v1/rules/many_failures/explain?event={read['id']}")
    assert other["matches"] is False
    assert {test["field"]: test["value"] for test in other["detections"][0]["condition"]["args"]}["action"] == "read"


def test_a_rule_that_is_not_loaded_is_explained_as_a_text(stand: Stand) -> None:
    (event,) = stand.get("/v1/events?limit=1&q=action:delete")["events"]
    text = RULES.split("---\n")[3].replace("00000004", "77777777").replace("deleted", "dropped")
    (answer,) = post(stand, "/v1/rules/explain", {"text": text, "event": event["id"]})
    check(answer, schema_of("/v1/rules/explain", 200, "post"))
    (found,) = answer["rules"]
    assert found["matches"] is True
    assert (found["state"], found["window"]) == ("not_loaded", None)


def test_unknown_events_and_wrong_ids_are_told(stand: Stand) -> None:
    for event, status in ((f"{STREAMS[0]}-1-4000", 404), ("x", 400)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            stand.get(f"/v1/rules/deleted/explain?event={event}")
        assert refused.value.code == status
        refused.value.close()


def test_a_client_that_goes_away_ends_the_backtest(stand: Stand) -> None:
    import socket

    body = json.dumps({"rule": "deleted", "from": "5d"}).encode()
    with socket.create_connection(("127.0.0.1", stand.port)) as client:
        client.sendall(
            b"POST /v1/rules/backtest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + stand.token.encode()
            + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )  # fmt: skip
        wait_for("the process", lambda: len(stand.collector.children()) == 4, 30, stand.evidence)
    wait_for("its end", lambda: len(stand.collector.children()) == 3, 30, stand.evidence)
    wait_for("nothing left", lambda: not list((stand.folder / "collector" / "exports").glob("*")), 30, stand.evidence)


def said(stand: Stand, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "watchbook", "rules", *words]
    if "--data" not in words:
        command += ["--url", stand.url, "--token", stand.token]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def own_rule(folder: Path) -> str:
    """Write a rule that is not loaded."""
    path = folder / "mine.yml"
    path.write_text(RULES.split("---\n")[3].replace("00000004", "77777777").replace("deleted", "dropped"))
    return str(path)


def test_the_operators_word_asks_the_collector_or_reads_its_folder_with_the_same_result(
    stand: Stand, tmp_path: Path
) -> None:
    data = ("--data", str(stand.folder / "collector"), "--config", str(stand.collector_yaml))
    for rule in ("many_failures", own_rule(tmp_path)):
        asked, read = (said(stand, "backtest", rule, "--since", "5d", "--alerts", "10000", *more)
                       for more in (("--json",), ("--json", *data)))  # fmt: skip
        assert asked.returncode == read.returncode == 0, asked.stderr + read.stderr
        (one,), (other,) = json.loads(asked.stdout)["rules"], json.loads(read.stdout)["rules"]
        assert one["alerts"] == len(one["listed"]) > 0
        assert one["listed"] == other["listed"]
        assert one["top_groups"] == other["top_groups"]


def test_the_result_is_shown_with_a_chart_groups_and_evidence(stand: Stand) -> None:
    done = said(stand, "backtest", "many_failures", "--since", "5d", "--table", "--utc")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "many failures (high)"
    assert " a day, of " in lines[1]
    assert "█" in done.stdout
    assert "actor.id=user" in done.stdout
    assert any(line.strip().startswith(STREAMS) for line in lines)
    assert "events read in" in done.stderr


def test_an_explanation_is_shown_as_a_tree_and_offline_too(stand: Stand, tmp_path: Path) -> None:
    (event,) = stand.get("/v1/events?limit=1&q=action:delete")["events"]
    done = said(stand, "explain", "many_failures", event["id"], "--table")
    assert done.returncode == 0, done.stderr
    assert "✘ many failures (high, active)" in done.stdout
    assert "✘ action is 'login': it is \"delete\"" in done.stdout
    assert "\nnow " in done.stdout
    rule = own_rule(tmp_path)
    asked = said(stand, "explain", rule, event["id"], "--json")
    read = said(stand, "explain", rule, event["id"], "--json", "--data", str(stand.folder / "collector"))
    assert json.loads(asked.stdout) == json.loads(read.stdout)
    assert json.loads(asked.stdout)["matches"] is True


def test_mistakes_at_the_terminal_end_with_a_word(stand: Stand, tmp_path: Path) -> None:
    for words, told in (
        (("backtest", "nothing"), "there is no rule"),
        (("backtest", str(tmp_path / "none.yml")), "there is no file"),
        (("backtest", "deleted", "--data", str(tmp_path)), "no data folder"),
        (("explain", "deleted", "x"), "'event'"),
    ):
        done = said(stand, *words)
        assert done.returncode != 0
        assert told in done.stderr
        assert "Traceback" not in done.stderr
