"""A rule in shadow mode over its life: a real collector keeps its alerts and tells nobody, until it is taken out."""

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(120)]

RULE = """
title: {title}
name: {name}
id: {number}1111111-1111-4111-8111-111111111111
level: high
logsource: {{product: watchbook}}
detection: {{selection: {{action: {action}}}, condition: selection}}
watchbook: {{quiet: 1h{extra}}}
"""


class Hook:
    """Receives webhooks and keeps whom each is about."""

    def __init__(self) -> None:
        self.told: list[str] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.told.append(json.dumps(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def heard_of(self, actor: str) -> bool:
        """Whether anything was told of an actor."""
        return any(f'"{actor}"' in body for body in self.told)


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def stand(tmp_path: Path, hook: Hook) -> Iterator[Stand]:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "tried.yml").write_text(
        RULE.format(title="Tried", name="tried", number=1, action="delete", extra=", shadow: true")
    )
    (rules / "real.yml").write_text(RULE.format(title="Real", name="real", number=2, action="grant", extra=""))
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    url = f"http://127.0.0.1:{hook.server.server_port}/"
    made = Stand(
        tmp_path / "stand",
        collector_extra=f"rules: [{rules}]\nnotify:\n  - name: hook\n    webhook: {{url: '{url}', secret: {secret}}}\n",
    )
    made.token = made.make_token("ruler", "admin")
    made.collector.start()
    made.wait_until_up()
    yield made
    made.close()


def post(stand: Stand, path: str, document: Any, token: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token or stand.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{stand.url}{path}", json.dumps(document).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def happen(stand: Stand, action: str, actor: str) -> None:
    token = (stand.folder / "agent.token").read_text()
    post(stand, "/v1/events", [{"action": action, "actor": {"type": "user", "id": actor}}], token)


def listed(stand: Stand, parameters: str = "") -> dict[str, Any]:
    return {alert["group"]["actor.id"]: alert for alert in stand.get(f"/v1/alerts{parameters}")["alerts"]}


def test_nobody_is_told_until_the_rule_is_taken_out_of_shadow_mode(stand: Stand, hook: Hook) -> None:
    happen(stand, "delete", "alice")
    happen(stand, "grant", "bob")
    wait_for("what is told of bob", lambda: hook.heard_of("bob"), 30, stand.evidence)
    assert list(listed(stand)) == ["bob"]
    tried = listed(stand, "?shadow=only")["alice"]
    assert (tried["shadow"], tried["count"]) == (True, 1)
    assert set(listed(stand, "?shadow=also")) == {"alice", "bob"}

    changed = post(stand, "/v1/rules/tried/shadow", {"shadow": False, "reason": "it is right"})
    assert (changed["shadow"], changed["reason"]) == (False, "it is right")
    happen(stand, "delete", "alice")  # goes on with the alert that nobody was told of
    happen(stand, "delete", "carol")
    wait_for("what is told of carol", lambda: hook.heard_of("carol"), 30, stand.evidence)
    wait_for("alice's second event", lambda: listed(stand, "?shadow=only")["alice"]["count"] == 2, 30, stand.evidence)
    assert set(listed(stand)) == {"bob", "carol"}

    post(stand, "/v1/rules/tried/shadow", {"shadow": True})
    stand.collector.stop()
    stand.collector.start()
    stand.wait_until_up()
    happen(stand, "delete", "dave")
    wait_for("dave's alert", lambda: "dave" in listed(stand, "?shadow=only"), 30, stand.evidence)
    time.sleep(1.5)
    assert not hook.heard_of("alice")
    assert not hook.heard_of("dave")
    told = stand.get("/v1/events?q=event_type:rule.shadow_on+OR+event_type:rule.shadow_off")["events"]
    assert [event["event_type"] for event in told] == ["rule.shadow_on", "rule.shadow_off"]
    assert {event["actor"]["id"] for event in told} == {"ruler"}
