"""From a posted event to a mail, with a real collector: routes, a channel that is down, dead letters, kill -9."""

import email
import email.policy
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.stand import Stand, free_port, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RULES = """
title: Admin made
id: 11111111-1111-4111-8111-111111111111
logsource: {product: watchbook}
detection:
  selection: {action: grant}
  condition: selection
level: high
watchbook:
  response: Ask whoever did it.
"""
NOTIFY = """
rules: [{rules}]
notify:
  retry_first: 50ms
  retry_max: 100ms
  give_up_after: 1s
  failing_after: 3
  channels:
    - name: mail
      email: {{host: 127.0.0.1, port: {smtp}, security: none, sender: w@example.com, recipients: [on-call@example.com]}}
    - name: hook
      webhook: {{url: 'http://127.0.0.1:{hook}/', secret_file: {secret}}}
  routes:
    - {{name: acme, orgs: [acme], channels: [mail, hook]}}
  default: []
"""


class Mails:
    """The mails that came: subject and text."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = mail.get_body(("plain",))
        assert body is not None
        self.found.append((mail["Subject"], body.get_content()))
        return "250 kept"

    def of(self, word: str) -> list[str]:
        return [text for subject, text in self.found if word in subject]


@pytest.fixture
def mails() -> Mails:
    return Mails()


@pytest.fixture
def stand(tmp_path: Path, mails: Mails) -> Iterator[Stand]:
    rules, secret = tmp_path / "rules.yml", tmp_path / "secret"
    rules.write_text(RULES)
    secret.touch(0o600)
    secret.write_text(SECRET)
    server = Controller(mails, hostname="127.0.0.1", port=free_port())
    server.start()
    extra = NOTIFY.format(rules=rules, smtp=server.port, hook=free_port(), secret=secret)
    made = Stand(tmp_path / "stand", collector_extra=extra)
    for name, scope in (("on-call", "respond"), ("sender", "ingest")):
        (made.folder / f"{name}.token").write_text(made.make_token(name, scope))
    made.collector.start()
    made.wait_until_up()
    yield made
    made.close()
    server.stop()


def run(stand: Stand, *words: str) -> "subprocess.CompletedProcess[str]":
    known = {"WATCHBOOK_URL": stand.url, "WATCHBOOK_TOKEN_FILE": str(stand.folder / "on-call.token"), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "watchbook", *words], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **known},
    )  # fmt: skip


def post(stand: Stand, user: str, org: str = "acme") -> None:
    event = {"actor": {"type": "user", "id": user}, "action": "grant", "event_type": "role_granted", "org": org,
             "category": "permission", "resource": {"type": "role", "id": "admin"}, "outcome": "success"}  # fmt: skip
    request = urllib.request.Request(
        f"{stand.url}/v1/events", data=json.dumps(event).encode(),
        headers={"Authorization": f"Bearer {(stand.folder / 'sender.token').read_text()}",
                 "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def listed(stand: Stand, *words: str) -> list[dict[str, Any]]:
    done = run(stand, "notify", *words, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_event_becomes_a_mail_and_what_cannot_be_told_is_seen(stand: Stand, mails: Mails) -> None:
    post(stand, "mallory")
    post(stand, "eve", org="globex")  # no route takes it
    wait_for("the mail", lambda: mails.of("Admin made"), 20, stand.evidence)
    (text,) = mails.of("Admin made")
    for wanted in ("actor.id mallory", "role_granted", "Ask whoever did it.", "watchbook ack "):
        assert wanted in text
    # Nobody listens at the webhook: that is a mail of its own, and a dead letter in the end.
    wait_for("a mail about the webhook", lambda: mails.of("Notification channel failing (channel hook)"), 20)
    wait_for("a dead letter", lambda: listed(stand, "dead", "list"), 20, stand.evidence)
    states = {each["name"]: each["state"] for each in listed(stand, "channels")}
    assert states == {"mail": "ok", "hook": "failing"}
    tried = run(stand, "notify", "test", "mail")
    assert tried.returncode == 0, tried.stderr
    assert mails.of("TEST of the channel mail")
    assert run(stand, "notify", "test", "hook").returncode == 1
    assert run(stand, "notify", "dead", "drop", "--all").returncode == 0
    assert listed(stand, "dead", "list") == []
    events = stand.get("/v1/events?event_type=notification.*")["events"]
    assert {each["event_type"] for each in events} == {"notification.tested", "notification.dropped"}
    assert {each["actor"]["id"] for each in events} == {"on-call"}
    assert SECRET.removeprefix("whsec_") not in stand.collector.log_tail(10_000)


def test_a_killed_collector_tells_of_what_it_had_not_told_and_of_nothing_twice(stand: Stand, mails: Mails) -> None:
    for number in range(5):
        post(stand, f"user{number}")
        stand.collector.kill()
        stand.collector.start()
        stand.wait_until_up()
    wait_for("all mails", lambda: len(set(mails.of("Admin made"))) == 5, 30, stand.evidence)
    ids = [each["id"] for each in listed(stand, "list", "--channel", "mail", "--limit", "100")]
    assert len([each for each in ids if not each.startswith("channel-")]) == 5
