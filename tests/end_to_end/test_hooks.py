"""Signed webhooks through a real agent into a real collector, also while the agent is killed."""

import base64
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.stand import Stand, free_port, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


class Hooks:
    """A stand whose agent serves the hook ``app``; ``port`` is where."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.port = free_port()
        secret = folder / "hook.secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        self.stand = Stand(
            folder / "stand",
            agent_extra=f"  - name: app-hook\n    profile: jsonl\n    hook: {{auth: standard, secret_file: {secret}}}\n"
            f"hooks: {{listen: '127.0.0.1:{self.port}'}}\nstatus_interval: 200ms\n{extra}",
        )

    def send(self, number: int, timeout_s: float = 10) -> tuple[int, dict[str, object]] | None:
        """Send one webhook; return status and document, None when there was no answer."""
        body = json.dumps({"user": "alice@example.com", "action": "viewed", "seq": number}).encode()
        now = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": f"msg_{number}",
            "webhook-timestamp": str(now),
            "webhook-signature": Webhook(SECRET).sign(f"msg_{number}", datetime.fromtimestamp(now, UTC), body.decode()),
        }
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/hooks/app-hook", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read())
        except (OSError, ValueError):  # nobody there, or gone in the middle
            return None

    def start_agent(self) -> None:
        self.stand.agent.start()
        wait_for("the hook", lambda: self.send(0) is not None, 60, self.stand.evidence)


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Hooks]:
    made = Hooks(tmp_path)
    yield made
    made.stand.close()


def test_every_webhook_that_was_answered_is_stored_once_although_the_agent_is_killed(hooks: Hooks) -> None:
    stand = hooks.stand
    stand.collector.start()
    stand.wait_until_up()
    hooks.start_agent()
    kills, done = 6, threading.Event()
    answered: Counter[int] = Counter()
    lock = threading.Lock()

    def sender(first: int) -> None:
        """Send one message after the other, each again until it is answered with 200: as senders of webhooks do."""
        number = first
        while not done.is_set():
            answer = hooks.send(number)
            if answer is not None and answer[0] == 200:
                with lock:
                    answered[number] += 1
                number += 1
            else:
                time.sleep(0.02)
        # The last one may be on disk without an answer: it is sent until there is one.
        while (answer := hooks.send(number)) is None or answer[0] != 200:
            time.sleep(0.1)
        with lock:
            answered[number] += 1

    senders = [threading.Thread(target=sender, args=(100_000 * each,)) for each in range(1, 5)]
    for thread in senders:
        thread.start()
    for _ in range(kills):
        before = answered.total()
        wait_for("answers", lambda before=before: answered.total() >= before + 30, 60, stand.evidence)
        stand.agent.kill()
        hooks.start_agent()
    done.set()
    for thread in senders:
        thread.join(60)
    answered[0] = 1  # what the start was waited for with
    wait_for("the events", lambda: stand.stored_events() >= len(answered), 60, stand.evidence)
    time.sleep(1)  # what is stored twice would come now
    assert stand.stored_numbers() == answered
    assert len(answered) > 30 * kills


def test_answers_do_not_need_the_collector_and_what_was_answered_survives_a_kill(hooks: Hooks) -> None:
    hooks.start_agent()
    assert [hooks.send(number) for number in (1, 2, 1)] == [
        (200, {"events": 1, "repeat": False}),
        (200, {"events": 1, "repeat": False}),
        (200, {"events": 1, "repeat": True}),
    ]
    hooks.stand.agent.kill()
    hooks.start_agent()
    assert hooks.send(2) == (200, {"events": 1, "repeat": True})
    hooks.stand.collector.start()
    wait_for("the events", lambda: hooks.stand.is_up() and hooks.stand.stored_events() >= 3, 60, hooks.stand.evidence)
    assert hooks.stand.stored_numbers() == {0: 1, 1: 1, 2: 1}


def test_the_status_shows_requests_refusals_and_where_hooks_are_served(hooks: Hooks) -> None:
    hooks.start_agent()
    url = f"http://127.0.0.1:{hooks.port}/hooks/app-hook"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, b"{}", {"Content-Type": "application/json"}), timeout=10)
    with refused.value as answer:
        assert answer.code == 401

    def counters() -> dict[str, int]:
        return dict(hooks.stand.agent_status().get("counters", {}).get("app-hook", {}))

    wait_for("the counters", lambda: counters().get("refused_unauthorized") == 1, 30, hooks.stand.evidence)
    assert counters()["requests"] == 1
    listeners = hooks.stand.agent_status()["agent"]["listeners"]
    assert listeners["hooks.listen"]["listen"] == f"127.0.0.1:{hooks.port}"
    assert listeners["app-hook"]["last_refusal"].startswith("401 ")
    command = [sys.executable, "-m", "watchbook", "agent", "status", "--config", str(hooks.stand.agent_yaml)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    assert "1 refused unauthorized" in shown
    assert f"hooks.listen: listen 127.0.0.1:{hooks.port}" in shown
    command[4] = "check"
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    assert f"ok     hooks: 127.0.0.1:{hooks.port} is served by a running agent" in checked
    assert "ok     input app-hook: its hook has 1 secret" in checked


def test_a_stop_under_load_answers_or_refuses_and_loses_nothing(hooks: Hooks) -> None:
    stand = hooks.stand
    stand.collector.start()
    stand.wait_until_up()
    hooks.start_agent()
    answered: Counter[int] = Counter({0: 1})
    codes: list[int] = []
    stopping = threading.Thread(target=lambda: codes.append(stand.agent.stop()))
    for number in range(1, 60):
        if number == 20:
            stopping.start()
        answer = hooks.send(number)
        if answer is not None and answer[0] == 200:
            answered[number] += 1
    stopping.join()
    assert codes == [0], stand.evidence()
    hooks.start_agent()
    wait_for("the events", lambda: stand.stored_events() >= len(answered), 60, stand.evidence)
    assert set(stand.stored_numbers().values()) == {1}
    assert set(answered) <= set(stand.stored_numbers())
