"""What people do about alerts, with the words of the command line against a real collector: acts, silences, exceptions,
what keeps what quiet, also over kill -9; and each of it as an event in the store.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

RULES = """
title: Account broken into
name: broken
id: 11111111-1111-4111-8111-111111111111
logsource: {product: watchbook}
detection:
  selection: {action: grant}
  condition: selection
level: high
watchbook:
  runbook: https://example.com/runbook
  inhibits:
    - rule: failed
      equal: [actor.id]
---
title: Operation failed
name: failed
id: 22222222-2222-4222-8222-222222222222
logsource: {product: watchbook}
detection:
  selection: {outcome: failure}
  condition: selection
level: low
"""


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)
    extra = f"rules: [{rules}]\nalert: {{look_every: 100ms, silence_warning: 1h, public_url: 'https://log.example'}}\n"
    made = Stand(tmp_path / "stand", collector_extra=extra)
    for name, scope in (("on-call", "respond"), ("sender", "ingest")):
        (made.folder / f"{name}.token").write_text(made.make_token(name, scope))
    made.collector.start()
    made.wait_until_up()
    yield made
    made.close()


def run(stand: Stand, *words: str) -> "subprocess.CompletedProcess[str]":
    known = {"WATCHBOOK_URL": stand.url, "WATCHBOOK_TOKEN_FILE": str(stand.folder / "on-call.token"), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "watchbook", *words], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **known},
    )  # fmt: skip


def do(stand: Stand, *words: str) -> list[Any]:
    """Run a word that succeeds, and return the objects it writes."""
    done = run(stand, *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def post(stand: Stand, actor: str, **fields: Any) -> str:
    """Store an event and return its id."""
    event = {"actor": {"type": "user", "id": actor}, "action": "read", "source": {"ip": "10.0.0.7"}, **fields}
    token = (stand.folder / "sender.token").read_text()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{stand.url}/v1/events", json.dumps(event).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.loads(answer.read())["ids"][0])


def alert_of(stand: Stand, title: str, actor: str) -> dict[str, Any] | None:
    found = stand.get(f"/v1/alerts?group=actor.id:{actor}")["alerts"]
    return next((alert for alert in found if alert["title"] == title), None)


def wait_for_alert(stand: Stand, title: str, actor: str, **members: Any) -> dict[str, Any]:
    def is_there() -> bool:
        found = alert_of(stand, title, actor)
        return found is not None and all(found.get(name) == value for name, value in members.items())

    wait_for(f"an alert {title} of {actor} with {members}", is_there, 30, stand.evidence)
    found = alert_of(stand, title, actor)
    assert found is not None
    return found


def own_events(stand: Stand) -> list[str]:
    found = stand.get("/v1/events?q=module:alerts&limit=100")["events"]
    assert {event["category"] for event in found} <= {"meta"}
    return [f"{event['event_type']} {event['actor']['id']}" for event in reversed(found)]


def test_the_life_of_an_alert(stand: Stand) -> None:
    first = post(stand, "alice", outcome="failure")
    alert = wait_for_alert(stand, "Operation failed", "alice")["id"]
    (acknowledged,) = do(stand, "ack", alert[:8], "--note", "on it")
    assert (acknowledged["id"], acknowledged["status"]) == (alert, "acknowledged")
    assert acknowledged["acknowledged"]["by"] == "on-call"
    refused = run(stand, "reopen", "ffffffffffff")
    assert (refused.returncode, "there is no alert" in refused.stderr) == (1, True)
    do(stand, "resolve", alert)
    second = post(stand, "alice", outcome="failure")
    assert wait_for_alert(stand, "Operation failed", "alice", status="open")["count"] == 2
    do(stand, "dispose", "true_positive", alert, "--note", "really")
    (ratio,) = do(stand, "alerts", "ratios")
    assert (ratio["title"], ratio["ratio"]) == ("Operation failed", 1.0)
    (shown,) = do(stand, "alerts", "show", alert)
    assert [each["kind"] for each in shown["history"]] == ["opened", "acknowledged", "resolved", "reopened"]
    assert shown["permalink"] == f"https://log.example/v1/alerts/{alert}"
    # The query finds its very events.
    found = do(stand, "search", shown["query"], "--json")
    assert sorted(event["id"] for event in found) == sorted(shown["event_ids"]) == sorted([first, second])
    table = run(stand, "alerts", "show", alert, "--table").stdout
    assert "true positive by on-call" in table
    assert table.count("10.0.0.7") == 2
    assert do(stand, "alerts", "--status", "resolved") == []
    told = ["alert.acknowledged on-call", "alert.resolved on-call", "alert.disposed on-call"]
    wait_for("the events of the acts", lambda: own_events(stand) == told, 30, stand.evidence)


def test_a_silence_hides_until_it_ends_also_over_kill_9(stand: Stand) -> None:
    post(stand, "alice", outcome="failure")
    alert = wait_for_alert(stand, "Operation failed", "alice")["id"]
    (preview,) = do(stand, "silence", "preview", "level<=low")
    assert (preview["hides_now"]["count"], preview["would_have_hidden"]["count"]) == (1, 1)
    done = run(stand, "silence", "add", "level<=low", "actor.id=a*", "--for", "1h", "--reason", "restore test")
    assert "hides 1 alert now" in done.stderr
    silence = json.loads(done.stdout)["id"]
    assert wait_for_alert(stand, "Operation failed", "alice", silenced_by=silence)["status"] == "open"
    stand.collector.kill()
    stand.collector.start()
    stand.wait_until_up()
    post(stand, "anna", outcome="failure")
    post(stand, "bob", outcome="failure")
    wait_for_alert(stand, "Operation failed", "anna", silenced_by=silence)
    assert "silenced_by" not in wait_for_alert(stand, "Operation failed", "bob")
    assert {each["id"] for each in do(stand, "alerts", "--silenced")} >= {alert}
    assert "restore test" in run(stand, "silence", "--table").stdout
    do(stand, "silence", "end", silence)
    assert do(stand, "alerts", "--silenced") == []
    (ended,) = do(stand, "silence", "list", "--state", "ended")
    assert (ended["ended_by"], ended["author"]) == ("on-call", "on-call")
    told = ["silence.created on-call", "silence.ended on-call"]
    wait_for("the events of the silence", lambda: own_events(stand) == told, 30, stand.evidence)


def test_a_silence_announces_its_end_and_ends(stand: Stand) -> None:
    post(stand, "alice", outcome="failure")
    alert = wait_for_alert(stand, "Operation failed", "alice")["id"]
    do(stand, "silence", "add", "rule=operation failed", "--for", "2s", "--reason", "short")
    told = ["silence.created on-call", "silence.ending watchbook", "silence.expired watchbook"]
    wait_for("the end of the silence", lambda: own_events(stand) == told, 30, stand.evidence)
    (shown,) = do(stand, "alerts", "show", alert)
    assert [each["kind"] for each in shown["history"]] == ["opened", "silenced", "silence_ending", "unsilenced"]


def test_an_alert_inhibits_another_of_the_same_actor(stand: Stand) -> None:
    post(stand, "alice", outcome="failure")
    wait_for_alert(stand, "Operation failed", "alice")
    post(stand, "alice", action="grant")
    broken = wait_for_alert(stand, "Account broken into", "alice")
    wait_for_alert(stand, "Operation failed", "alice", inhibited_by=broken["id"])
    post(stand, "bob", outcome="failure")
    assert "inhibited_by" not in wait_for_alert(stand, "Operation failed", "bob")
    do(stand, "resolve", broken["id"])
    assert do(stand, "alerts", "--inhibited") == []


def test_an_exception_takes_events_out_of_a_rule_until_it_is_ended_also_over_kill_9(stand: Stand) -> None:
    post(stand, "backup", outcome="failure")
    alert = wait_for_alert(stand, "Operation failed", "backup")["id"]
    words = ("--field", "actor.id", "--field", "source.ip", "--until", "30d", "--reason", "the nightly backup")
    done = run(stand, "except", alert, *words)
    assert "actor.id=backup source.ip=10.0.0.7 do not count for 'Operation failed' until" in done.stderr, done.stderr
    exception = json.loads(done.stdout)["id"]
    wait_for("the rules to take it up", lambda: one(stand)["state"] == "active", 30, stand.evidence)
    for number in range(3):
        if number == 2:
            stand.collector.kill()
            stand.collector.start()
            stand.wait_until_up()
        post(stand, "backup", outcome="failure")
        wait_for("it to be counted", lambda number=number: one(stand)["events"] == number + 1, 30, stand.evidence)
    post(stand, "backup", outcome="failure", source={"ip": "10.9.9.9"})
    assert wait_for_alert(stand, "Operation failed", "backup", count=2)["id"] == alert
    do(stand, "exceptions", "end", exception)
    wait_for("the rules to know", lambda: one(stand)["state"] == "ended", 30, stand.evidence)
    time.sleep(0.5)
    post(stand, "backup", outcome="failure")
    wait_for_alert(stand, "Operation failed", "backup", count=3)
    assert one(stand)["events"] == 3
    assert "the nightly backup" in run(stand, "exceptions", "--table").stdout
    told = ["exception.created on-call", "exception.ended on-call"]
    wait_for("the events of the exception", lambda: own_events(stand) == told, 30, stand.evidence)


def one(stand: Stand) -> dict[str, Any]:
    """Return the only exception there is."""
    (found,) = stand.get("/v1/exceptions")["exceptions"]
    return dict(found)


def test_a_token_that_may_only_read_acts_on_nothing(stand: Stand) -> None:
    post(stand, "alice", outcome="failure")
    alert = wait_for_alert(stand, "Operation failed", "alice")["id"]
    done = run(stand, "ack", alert, "--token", stand.token)
    assert done.returncode == 1
    assert "may read, this needs respond" in done.stderr
    assert wait_for_alert(stand, "Operation failed", "alice")["status"] == "open"
