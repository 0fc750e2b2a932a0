"""Rules are read again by a real collector under load: no alert is lost or doubled, and a wrong set changes nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(240)]

ACTORS = 150
#: How often each actor is refused; so many make the alert of the correlation, and the windows span all reloads.
ROUNDS = 6
EACH, BASE, MANY, CHANGED, OTHER = (str(UUID(int=number, version=4)) for number in range(1, 6))


def detection(rule_id: str, name: str, lines: str, *, title: str = "", extra: str = "") -> str:
    return (
        f"title: {title or name}\nname: {name}\nid: {rule_id}\nlogsource: {{product: watchbook}}\n"
        f"detection:\n  selection: {{{lines}}}\n  condition: selection\nlevel: high\n{extra}"
    )


def counted(rule_id: str, name: str, *, note: str = "") -> str:
    return (
        f"title: {name}\nname: {name}\nid: {rule_id}\n{note}correlation:\n  type: event_count\n  rules: [refused]\n"
        f"  group-by: [actor.id]\n  timespan: 1h\n  condition: {{gte: {ROUNDS}}}\nlevel: high\n"
    )


def write_rules(folder: Path, turn: int) -> None:
    """Write the rules of one turn: two stay as they are, one says the same differently, one comes and goes."""
    (folder / "each.yml").write_text(detection(EACH, "each", "action: delete, outcome: failure"))
    (folder / "base.yml").write_text(detection(BASE, "refused", "action: delete, outcome: failure"))
    (folder / "many.yml").write_text(counted(MANY, "many"))
    # Its memory has to be found in the store each time: its condition is another one, though it comes to the same.
    never = f", event_type|neq: {turn}"
    (folder / "changed.yml").write_text(
        detection(CHANGED, "changed", f"action: delete, outcome: failure{never}", extra="watchbook: {quiet: 1h}\n")
    )
    other = folder / "other.yml"
    if turn % 2:
        other.write_text(detection(OTHER, "other", "action: never"))
    else:
        other.unlink(missing_ok=True)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    rules = tmp_path / "rules"
    rules.mkdir()
    write_rules(rules, 0)
    made = Stand(tmp_path / "stand", collector_extra=f"rules: [{rules}]\n")
    made.token = made.make_token("ruler", "admin")
    made.collector.start()
    made.wait_until_up()
    yield made
    made.close()


def send(stand: Stand, method: str, path: str, document: Any = None) -> Any:
    body = None if document is None else json.dumps(document).encode()
    headers = {"Authorization": f"Bearer {stand.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{stand.url}{path}", data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return {"status": refused.code, **json.loads(refused.read())}


def post(stand: Stand, actor: int, **fields: Any) -> None:
    event = {
        "actor": {"type": "user", "id": f"a{actor}"}, "action": "delete", "outcome": "failure", "event_type": "rm"
    } | fields  # fmt: skip
    assert "accepted" in send(stand, "POST", "/v1/events", event)


def alerts(stand: Stand) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while True:
        page = stand.get(f"/v1/alerts?limit=1000{cursor}")
        found += page["alerts"]
        if page.get("next_cursor") is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def metric(stand: Stand, line: str) -> float:
    with urllib.request.urlopen(f"{stand.url}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return next((float(each.rpartition(" ")[2]) for each in text.splitlines() if each.startswith(line)), 0.0)


def test_no_alert_is_lost_or_doubled_while_the_rules_are_read_again_and_again(stand: Stand, tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def load() -> None:
        try:
            for _ in range(ROUNDS):
                for actor in range(ACTORS):
                    post(stand, actor)
        except BaseException as error:  # noqa: BLE001 - it is raised below
            failed.append(error)

    sender = threading.Thread(target=load)
    sender.start()
    turns = 0
    while sender.is_alive():
        turns += 1
        write_rules(tmp_path / "rules", turns)
        if turns % 3:
            assert send(stand, "POST", "/v1/rules/reload")["reloaded"]
        else:
            taken = metric(stand, 'watchbook_rules_reloads_total{outcome="taken"}')
            os.kill(stand.collector.pid, signal.SIGHUP)
            wait_for(
                "the reload",
                lambda before=taken: metric(stand, 'watchbook_rules_reloads_total{outcome="taken"}') > before,
                30,
                stand.evidence,
            )
    sender.join()
    assert not failed
    assert turns >= 4, "the load was over before the rules were read again often enough"
    wanted = {EACH: ACTORS, MANY: ACTORS, CHANGED: ACTORS}
    wait_for(
        "every alert with all of its events",
        lambda: Counter(a["rule_id"] for a in alerts(stand) if a["count"] == ROUNDS) == wanted,
        30,
        lambda: f"{Counter((a['rule_id'], a['count'], a['status']) for a in alerts(stand))}\n{stand.evidence()}",
    )
    time.sleep(1)
    found = alerts(stand)
    assert Counter(alert["rule_id"] for alert in found) == wanted
    assert {alert["status"] for alert in found} == {"open"}
    assert len({(alert["rule_id"], alert["group"]["actor.id"]) for alert in found}) == 3 * ACTORS
    each = next(alert for alert in found if alert["rule_id"] == CHANGED)
    evidence = stand.get(f"/v1/alerts/{each['id']}")["event_ids"]
    assert len(set(evidence)) == ROUNDS


def test_a_wrong_set_changes_nothing_and_is_told_of_everywhere(stand: Stand, tmp_path: Path) -> None:
    post(stand, 1)
    wait_for("the first alert", lambda: alerts(stand), 30, stand.evidence)
    wrong = tmp_path / "rules" / "wrong.yml"
    wrong.write_text(detection(OTHER, "wrong", "actr.id: x"))
    refused = send(stand, "POST", "/v1/rules/reload")
    assert refused["status"] == 409
    assert f"{wrong}:6:15" in refused["errors"][0]["message"]
    assert "did you mean 'actor.id'" in refused["errors"][0]["message"]
    assert "the ones before stay in force" in stand.get("/healthz")["problems"][0]
    assert "wrong.yml" in stand.get("/v1/rules")["problems"][0]
    assert metric(stand, "watchbook_rules_mistakes ") == 1
    assert metric(stand, 'watchbook_rules_reloads_total{outcome="refused"}') == 1
    assert '"event": "rules_refused"' in (stand.folder / "collector.out").read_text()
    post(stand, 2)

    def groups() -> set[str]:
        return {alert["group"]["actor.id"] for alert in alerts(stand) if alert["rule_id"] == EACH}

    wait_for("an alert of the rules before", lambda: groups() == {"a1", "a2"}, 30, stand.evidence)
    wrong.unlink()
    assert send(stand, "POST", "/v1/rules/reload") == {
        "reloaded": True, "rules": 3, "added": 0, "removed": 0, "changed": 0, "problems": []
    }  # fmt: skip
    assert stand.get("/healthz") == {"status": "up"}
    wait_for(
        "the events of it",
        lambda: (
            {"rules.refused", "rules.reloaded"}
            <= {event.get("event_type") for event in stand.get("/v1/events?q=category:configuration")["events"]}
        ),
        30,
        stand.evidence,
    )


def test_a_rule_that_is_switched_off_stays_off_and_goes_on_when_it_is_switched_on(stand: Stand) -> None:
    post(stand, 1)
    wait_for("the first alerts", lambda: len(alerts(stand)) == 2, 30, stand.evidence)
    command = [sys.executable, "-m", "watchbook", "rules"]
    environment = {**os.environ, "WATCHBOOK_URL": stand.url, "WATCHBOOK_TOKEN": stand.token}

    def rules(*words: str) -> str:
        done = subprocess.run(
            [*command, *words], env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert "disabled 'each'" in rules("disable", "each", "--table", "--reason", "load test")
    post(stand, 2)
    wait_for("the other rule's alert", lambda: len(alerts(stand)) == 3, 30, stand.evidence)
    stand.collector.stop()
    stand.collector.start()
    stand.wait_until_up()
    post(stand, 3)
    wait_for("the other rule's alert", lambda: len(alerts(stand)) == 4, 30, stand.evidence)
    shown = json.loads(rules("show", EACH))
    assert (shown["state"], shown["reason"], shown["changed_by"]) == ("disabled", "load test", "ruler")
    assert "action is 'delete' and outcome is 'failure'" in shown["condition"]
    assert "enabled 'each'" in rules("enable", EACH, "--table")
    post(stand, 4)
    wait_for("alerts of both", lambda: len(alerts(stand)) == 6, 30, stand.evidence)
    by_rule = {rule["id"]: rule for rule in map(json.loads, rules("list").splitlines()[:4]) if "id" in rule}
    assert {by_rule[EACH]["state"], by_rule[BASE]["state"]} == {"active", "counted"}
    assert by_rule[CHANGED]["matched"] >= 1
    assert by_rule[CHANGED]["cost"]["asked"] >= 1
    assert by_rule[CHANGED]["alerts_24h"] == 4
    assert metric(stand, f'watchbook_rule_cost_seconds_total{{rule="{CHANGED}"}}') > 0
    assert metric(stand, 'watchbook_rules{state="counted"}') == 1

    def told() -> set[str]:
        return {event.get("event_type") for event in stand.get("/v1/events?q=resource.type:rule")["events"]}

    wait_for("both acts to be events", lambda: len(told()) == 2, 30, stand.evidence)
    assert told() == {"rule.disabled", "rule.enabled"}


def test_a_start_takes_compiled_rules_from_the_cache_and_a_broken_cache_is_made_anew(stand: Stand) -> None:
    cache = stand.folder / "collector" / "rules.cache"
    stand.collector.stop()
    whole = cache.read_bytes()
    cache.write_bytes(whole[:-3] + b"xyz")
    stand.collector.start()
    stand.wait_until_up()
    assert cache.read_bytes() == whole
    assert "rule_cache_ignored" in (stand.folder / "collector.out").read_text()
    post(stand, 1)
    wait_for("the alerts", lambda: len(alerts(stand)) == 2, 30, stand.evidence)
