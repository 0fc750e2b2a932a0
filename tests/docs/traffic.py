"""A collector and an agent that have been used: every metric with labels has a value, every word finds something."""

import contextlib
import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from tests.docs.receiver import Receiver
from tests.stand import Stand, free_port, wait_for

#: Failures of one actor: more than the shipped failure spike needs.
FAILURES: Final = 12
#: Whose failures they are: the second alert is one more than the channel 'pager' is told in ten minutes.
_FAILING: Final = ("alice", "carol")

#: A webhook that nobody answers, one that takes a message and holds back the next, one that refuses what it is sent; a
#: query budget so small that a search over two blocks must go on in a second page; a file that checkpoints go to.
_EXTRA: Final = """\
query: {{scanned_events_max: 1}}
store: {{checkpoint_every: 100ms}}
checkpoints:
  every: 100ms
  send:
    - name: elsewhere
      file: {{path: {folder}/checkpoints}}
notify:
  failing_after: 2
  channels:
    - {{name: on-call, webhook: {{url: 'http://127.0.0.1:9/', secret: {secret}}}}}
    - {{name: pager, max_per: 1 in 10m, webhook: {{url: '{takes}', secret: {secret}}}}}
    - {{name: chat, webhook: {{url: '{refuses}', secret: {secret}}}}}
"""
_SECRET: Final = "whsec_d2F0Y2hib29rIHdhdGNoYm9vayB3YXRjaGJvb2s="
#: Rules of the agent: one drops a line, one keeps almost all and so the one that there is.
_RULES: Final = """\
drop: [{name: heartbeats, when: {details.seq: 1}}]
sample: [{name: pages, when: {details.seq: 2}, keep: 0.999999}]
"""


class UsedStand(Stand):
    """Both programs, and who is told: the receiver of ``pager`` takes what it is sent, that of ``chat`` never will."""

    def __init__(self, folder: Path) -> None:
        self.receivers = [Receiver(204), Receiver(422)]
        takes, refuses = (each.url for each in self.receivers)
        listen = f"127.0.0.1:{free_port()}"
        super().__init__(
            folder,
            collector_extra=_EXTRA.format(folder=folder, takes=takes, refuses=refuses, secret=_SECRET),
            agent_extra=f"metrics: {{listen: '{listen}'}}\n{_RULES}",
        )
        self.operator = self.make_token("alice-on-call", "admin")

    def close(self) -> None:
        """End what still runs."""
        super().close()
        for each in self.receivers:
            each.close()


def used_stand(folder: Path) -> UsedStand:
    """Return both programs running in a folder, after some traffic; the caller closes the stand."""
    stand = UsedStand(folder)
    try:
        _use(stand)
    except BaseException:
        stand.close()
        raise
    return stand


def halted_stand(folder: Path) -> Stand:
    """Return a collector that has sealed a segment and was stopped; the caller closes the stand."""
    stand = Stand(folder, collector_extra="store: {segment_events_max: 2, free_bytes_min: 0}\n")
    try:
        stand.collector.start()
        stand.wait_until_up()
        for age_s in range(4):
            _post(stand, age_s)
        wait_for("a segment to be sealed", lambda: any(stand.segments.glob("*.sealed.blk")), 30, stand.evidence)
        stand.collector.stop()
    except BaseException:
        stand.close()
        raise
    return stand


def exposition_of(stand: Stand) -> str:
    """Return what the collector answers Prometheus."""
    return _request(stand, "/metrics")


def agent_exposition_of(stand: Stand) -> str:
    """Return what the agent of a used stand answers Prometheus."""
    (listen,) = re.findall(r"listen: '([^']+)'", stand.agent_yaml.read_text())
    with urllib.request.urlopen(f"http://{listen}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def _use(stand: Stand) -> None:
    stand.collector.start()
    stand.wait_until_up()
    _post_twice(stand)
    with (stand.logs / "app.log").open("a") as log:
        log.writelines(_failure(number, user) for number in range(FAILURES) for user in _FAILING)
        log.write("no JSON\n\n")
        log.write("password=hunter2hunter2\n")
        log.writelines(f'{{"user":"bob","action":"viewed","seq":{number}}}\n' for number in (1, 2))
    stand.agent.start()
    wait_for("the events", lambda: stand.stored_events() >= FAILURES * len(_FAILING) + 3, 60, stand.evidence)
    alerts = len(_FAILING) + 2  # those of both channels that fail
    wait_for("the alerts", lambda: len(stand.get("/v1/alerts")["alerts"]) >= alerts, 30, stand.evidence)
    assert "incomplete" in stand.get("/v1/events?limit=1000")
    _request(stand, "/v1/events")  # without a token
    _request(stand, "/v1/events?q=nosuchfield:1", stand.token)
    _request(stand, "/v1/events", _ingest_token(stand), body=b"[", kind="application/json")
    assert _request(stand, "/v1/export", stand.token).startswith("timestamp,user,")
    _be_told_of_a_gap(stand)
    # They come with the next answers, or half a second later; notifications when they were tried.
    told = (
        "watchbook_query_blocks_read_total{", "watchbook_query_refused_total{",
        'watchbook_notifications_dead{channel="chat"} 3',
        "watchbook_notifications_held_back_total{", "watchbook_rule_cost_seconds_total{",
    )  # fmt: skip
    wait_for(
        "the metrics that come later", lambda: all(each in exposition_of(stand) for each in told), 30, stand.evidence
    )
    wait_for("the agent", lambda: stand.agent_status().get("running"), 30, stand.evidence)
    os.kill(stand.agent.pid, signal.SIGHUP)
    reloaded = 'watchbook_agent_reloads_total{result="succeeded"} 1'
    wait_for("the reload", lambda: reloaded in agent_exposition_of(stand), 30, stand.evidence)
    sent = "watchbook_agent_ship_last_success"
    wait_for("the agent's receipt", lambda: sent in agent_exposition_of(stand), 30, stand.evidence)


def _post_twice(stand: Stand) -> None:
    for _ in range(2):
        _post(stand, 600)


def _post(stand: Stand, age_s: int) -> None:
    event: dict[str, object] = {"actor": {"type": "user", "id": "bob"}, "action": "login", "org": "acme"}
    event |= {"source": {"ip": "10.0.0.7"}, "measures": {"rows": 5000}, "changes": [{"field": "plan", "new": "pro"}]}
    event["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(time.time()) // 60 * 60 - age_s))
    answer = _request(
        stand, "/v1/events", _ingest_token(stand), body=json.dumps(event).encode(), kind="application/json"
    )
    assert json.loads(answer)["accepted"] == 1


def _failure(number: int, user: str) -> str:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"ts": now, "user": user, "action": "login", "status": "failed", "resource": {"type": "user", "id": user}}
    return json.dumps({**line, "error": "wrong password", "attempt": number}) + "\n"


def _be_told_of_a_gap(stand: Stand) -> None:
    """Follow from a number that nothing has yet, as after a folder was put back to an earlier state."""
    request = urllib.request.Request(f"{stand.url}/v1/tail?after=1000000", headers=_bearer(stand.token))
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert b"event: gap\n" in iter(answer.readline, b"")


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _ingest_token(stand: Stand) -> str:
    return (stand.folder / "agent.token").read_text()


def _request(stand: Stand, path: str, token: str | None = None, *, body: bytes | None = None, kind: str = "") -> str:
    headers = _bearer(token) if token else {}
    if body is not None:
        headers |= {"Content-Type": kind, "Idempotency-Key": str(hash(body))}
    request = urllib.request.Request(f"{stand.url}{path}", data=body, headers=headers)
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())
    return ""
