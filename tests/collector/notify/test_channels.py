"""Each channel reaches its real counterpart: servers on real sockets that hold what comes to the documented form."""

import asyncio
import email.policy
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from collector.notify.attempt import AttemptFailedError, Channel
from collector.notify.channel_settings import (
    AppriseSettings,
    EmailSettings,
    PagerDutySettings,
    SlackSettings,
    WebhookSettings,
)
from collector.notify.channels import make_channel
from collector.notify.channels.webhook import short_body
from collector.notify.document import Describer
from collector.notify.settings import ChannelSettings
from tests.collector.alert.alerts import EVENT
from tests.collector.notify.receiver import SECRET, receiver
from tests.collector.notify.world import World, hook, rule, settings
from watchbook.clock import now_us
from watchbook.units import Seconds

HOSTILE = {**EVENT, "raw": "login <!channel> & <script>alert(1)</script> ``` \x1b[31m\r\nSubject: spoofed"}


def documents(*acts: str, digest: bool = False) -> list[dict[str, Any]]:
    """Return the documents of an alert's life."""
    world = World(settings("", hook("c", acknowledged=True, max_per="1 in 10m" if digest else "none")))
    describer = Describer(lambda _: HOSTILE, alerts_max=20, evidence_max=3)
    found: list[dict[str, Any]] = []

    def plan(second: int) -> None:
        for _, tell in world.until(second):
            views = {name: view._replace(event_ids=("e1",)) for name, view in world.views.items()}
            found.append(json.loads(json.dumps(describer.describe(tell, views))))

    world.open("a1", rule(level="critical"))
    if digest:
        world.open("a2", rule("scan"))
    plan(100)
    for act in acts:
        getattr(world, act)("a1")
        plan(world.now + 100)
    return [document for document in found if not digest or document["reason"] == "digest"]


def secret_file(folder: Path, text: str, mode: int = 0o640) -> Path:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return path


@asynccontextmanager
async def built(channel: ChannelSettings) -> AsyncIterator[Channel]:
    async with aiohttp.ClientSession() as session:
        yield make_channel(channel, session, now_us)


@dataclass
class Server:
    """A server of JSON that answers as told, then 202 for ever."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/json"
        self.bodies.append(await request.json())
        return self.answers.pop(0) if self.answers else web.json_response({"status": "success"}, status=202)


@asynccontextmanager
async def server(*answers: web.Response) -> AsyncIterator[Server]:
    serving = Server(answers=list(answers))
    app = web.Application()
    app.router.add_post("/{tail:.*}", serving.handle)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    serving.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield serving
    finally:
        await runner.cleanup()


# -- webhook --------------------------------------------------------------------------------------------------------


async def test_the_short_body_is_what_simple_receivers_read(tmp_path: Path) -> None:
    async with receiver() as ear:
        webhook = WebhookSettings(url=ear.url, secret_file=secret_file(tmp_path, SECRET), body="short")
        async with built(ChannelSettings(name="c", webhook=webhook)) as channel:
            (document,) = documents()
            assert "answered 204" in await channel.send(document["id"], document)
    assert ear.taken[0].body == {
        "event": "notebook_executed", "user": "alice@company.com", "resource": "Q2 Sales Report",
        "timestamp": "2026-11-18T11:06:40.000000Z",
    }  # fmt: skip
    assert json.loads(short_body(documents(digest=True)[0]))["event"].startswith("HELD BACK: 1 alert of 1 rule")


# -- mail -----------------------------------------------------------------------------------------------------------


class Mailbox:
    """What an SMTP server does with mail: keeps it, or refuses as told."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.logins: list[str] = []
        self.refusals: list[str] = []

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        parser = BytesParser(policy=email.policy.default)
        assert isinstance(envelope.content, bytes)
        self.mails.append(parser.parsebytes(envelope.content))
        self.encrypted.append(session.ssl is not None)
        return "250 kept"

    def authenticate(self, _: SMTP, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append(given.login.decode())
        return AuthResult(success=given.password == b"tr0ub4dor", handled=False)


@asynccontextmanager
async def mail_server(folder: Path, *, tls: bool) -> AsyncIterator[tuple[Mailbox, int, Path]]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    box = Mailbox()
    more: dict[str, Any] = {
        "tls_context": context, "authenticator": box.authenticate, "auth_required": True, "require_starttls": True
    } if tls else {}  # fmt: skip
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(box, hostname="localhost", loop=loop, **more), "127.0.0.1", 0)
    try:
        yield box, listening.sockets[0].getsockname()[1], folder / "ca.pem"
    finally:
        listening.close()
        await listening.wait_closed()


async def test_mail_arrives_over_starttls_and_a_login_with_both_parts(tmp_path: Path) -> None:
    async with mail_server(tmp_path, tls=True) as (box, port, authority):
        mail = EmailSettings(
            host="localhost", port=port, sender="watchbook@example.com", recipients=("a@example.com", "b@example.com"),
            ca_file=authority, user="watchbook", password_file=secret_file(tmp_path, "tr0ub4dor\n"),
        )  # fmt: skip
        first, second = documents("resolve")
        async with built(ChannelSettings(name="c", email=mail)) as channel:
            assert "accepted by localhost" in await channel.send(first["id"], first)
            await channel.send(second["id"], second)
    assert (box.logins, box.encrypted) == (["watchbook"] * 2, [True, True])
    opened, resolved = box.mails
    assert opened["Subject"] == "CRITICAL: Rule spike (actor.id alice): 3 events"
    assert opened["Message-ID"] == "<a1-1-1-c@example.com>"
    assert (opened["To"], opened["Auto-Submitted"]) == ("a@example.com, b@example.com", "auto-generated")
    assert opened["References"] == resolved["References"]
    assert resolved["Subject"].startswith("RESOLVED: ")
    plain, rich = opened.get_body(("plain",)), opened.get_body(("html",))
    assert plain is not None
    assert rich is not None
    text = plain.get_content()
    for wanted in ("Many failures.", "actor.id alice", "3 events", "critical", "watchbook ack a1", "Look.",
                   "https://example.com/runbook", "2026-11-23 00:00:00 UTC", "login <!channel>"):  # fmt: skip
        assert wanted in text, wanted
    assert "\x1b" not in text
    assert "<script>" not in rich.get_content()
    assert "&lt;script&gt;" in rich.get_content()


async def test_a_server_that_cannot_encrypt_is_refused_and_one_without_a_need_is_not(tmp_path: Path) -> None:
    async with mail_server(tmp_path, tls=False) as (box, port, _):
        (document,) = documents()
        plain = EmailSettings(host="127.0.0.1", port=port, sender="w@example.com", recipients=("a@example.com",))
        async with built(ChannelSettings(name="c", email=plain)) as channel:
            with pytest.raises(AttemptFailedError, match=r"(?i)starttls") as failed:
                await channel.send("n1", document)
            assert not failed.value.permanent
        assert box.mails == []
        bare = EmailSettings(**{**vars(plain), "security": "none"})
        async with built(ChannelSettings(name="c", email=bare)) as channel:
            await channel.send("n1", document)
            box.refusals = ["451 come again", "554 never"]
            for permanent, words in ((False, "451: come again"), (True, "554: never")):
                with pytest.raises(AttemptFailedError, match=words) as failed:
                    await channel.send("n1", document)
                assert failed.value.permanent is permanent
    assert len(box.mails) == 1


async def test_a_wrong_password_can_be_corrected_and_is_never_repeated(tmp_path: Path) -> None:
    async with mail_server(tmp_path, tls=True) as (_, port, authority):
        mail = EmailSettings(
            host="localhost", port=port, sender="w@example.com", recipients=("a@example.com",), ca_file=authority,
            user="watchbook", password_file=secret_file(tmp_path, "hunter2hunter2"),
        )  # fmt: skip
        async with built(ChannelSettings(name="c", email=mail)) as channel:
            with pytest.raises(AttemptFailedError, match="535") as failed:
                await channel.send("n1", documents()[0])
            assert not failed.value.permanent
            assert "hunter2" not in str(failed.value)
            (tmp_path / "secret").chmod(0o644)
            with pytest.raises(AttemptFailedError, match="open to others"):
                await channel.send("n1", documents()[0])


# -- PagerDuty ------------------------------------------------------------------------------------------------------


def complaint_about_pagerduty(event: dict[str, Any]) -> str | None:
    """Hold an event to the documented schema of Events API v2 (PD-CEF)."""
    if set(event) - {"routing_key", "event_action", "dedup_key", "payload", "links", "images", "client", "client_url"}:
        return "unknown member"
    if len(event["routing_key"]) != 32 or event["event_action"] not in ("trigger", "acknowledge", "resolve"):
        return "routing_key or event_action"
    if not 0 < len(event["dedup_key"]) <= 255:
        return "dedup_key"
    if event["event_action"] != "trigger":
        return None
    payload = event["payload"]
    if not 0 < len(payload["summary"]) <= 1024 or not payload["source"]:
        return "summary or source"
    if payload["severity"] not in ("critical", "error", "warning", "info"):
        return "severity"
    if any(set(link) != {"href", "text"} for link in event.get("links", ())):
        return "links"
    known = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}
    return "payload" if set(payload) - known else None


async def test_pagerduty_is_told_to_trigger_acknowledge_and_resolve_one_incident(tmp_path: Path) -> None:
    async with server() as duty:
        pagerduty = PagerDutySettings(routing_key_file=secret_file(tmp_path, "k" * 32), url=f"{duty.url}/v2/enqueue")
        async with built(ChannelSettings(name="c", pagerduty=pagerduty)) as channel:
            for document in documents("acknowledge", "resolve"):
                await channel.send(document["id"], document)
            (digest,) = documents(digest=True)
            await channel.send(digest["id"], digest)
    assert [complaint_about_pagerduty(event) for event in duty.bodies] == [None] * 4
    assert [event["event_action"] for event in duty.bodies] == ["trigger", "acknowledge", "resolve", "trigger"]
    assert [event["dedup_key"] for event in duty.bodies] == ["watchbook-a1"] * 3 + ["watchbook-digest-c"]
    payload = duty.bodies[0]["payload"]
    assert (payload["severity"], payload["source"]) == ("critical", "alice")
    assert "watchbook ack a1" in payload["custom_details"]["text"]
    assert duty.bodies[0]["links"] == [{"href": "https://example.com/runbook", "text": "Runbook: Rule spike"}]


async def test_what_pagerduty_refuses_is_told_apart_from_what_it_wants_later(tmp_path: Path) -> None:
    answers = (web.Response(status=400, text="bad"), web.Response(status=429, headers={"Retry-After": "7"}))
    async with server(*answers) as duty:
        pagerduty = PagerDutySettings(routing_key_file=secret_file(tmp_path, "k" * 32), url=duty.url)
        async with built(ChannelSettings(name="c", pagerduty=pagerduty)) as channel:
            failures = []
            for _ in range(2):
                with pytest.raises(AttemptFailedError) as failed:
                    await channel.send("n1", documents()[0])
                failures.append((failed.value.permanent, failed.value.retry_after_s))
    assert failures == [(True, None), (False, 7.0)]


# -- Slack ----------------------------------------------------------------------------------------------------------


def complaint_about_slack(message: dict[str, Any]) -> str | None:
    """Hold a message to the documented limits of blocks."""
    if set(message) != {"text", "blocks"} or not 0 < len(message["blocks"]) <= 50:
        return "members"
    for block in message["blocks"]:
        text = block["text"]["text"]
        if block["type"] == "header" and (block["text"]["type"] != "plain_text" or not 0 < len(text) <= 150):
            return "header"
        if block["type"] == "section" and (block["text"]["type"] != "mrkdwn" or not 0 < len(text) <= 3000):
            return "section"
        if block["type"] == "section" and ("<" in text or ">" in text or text.count("```") % 2):
            return "not escaped"
    return None


async def test_slack_is_told_in_blocks_in_which_an_event_cannot_mention_anybody(tmp_path: Path) -> None:
    async with server(web.Response(text="ok")) as slack:
        address = secret_file(tmp_path, f"{slack.url}/services/T000/B000/XXXXXXXXXXXXXXXX")
        async with built(ChannelSettings(name="c", slack=SlackSettings(url_file=address))) as channel:
            (document,) = documents()
            assert await channel.send("n1", document) == "answered 200: ok"
            document["alerts"] = document["alerts"] * 40
            await channel.send("n2", document)
    assert [complaint_about_slack(message) for message in slack.bodies] == [None, None]
    text = json.dumps(slack.bodies[0])
    assert "login &lt;!channel&gt; &amp; " in text
    assert "watchbook ack a1" in text


async def test_an_address_of_slack_is_never_repeated(tmp_path: Path) -> None:
    async with server(web.Response(status=404, text="no_service")) as slack:
        secret = "/services/T000/B000/XXXXXXXXXXXXXXXX"
        address = secret_file(tmp_path, f"{slack.url}{secret}")
        async with built(ChannelSettings(name="c", slack=SlackSettings(url_file=address))) as channel:
            with pytest.raises(AttemptFailedError, match="answered 404: no_service") as failed:
                await channel.send("n1", documents()[0])
    async with built(ChannelSettings(name="c", slack=SlackSettings(url_file=address))) as channel:
        with pytest.raises(AttemptFailedError) as unreachable:
            await channel.send("n1", documents()[0])
    assert "XXXX" not in f"{failed.value}{unreachable.value}"


# -- Apprise --------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise imports what Python 3.13 has no more
async def test_apprise_reaches_its_own_json_endpoint(tmp_path: Path) -> None:
    async with server() as ear:
        address = f"{ear.url.replace('http:', 'json:')}/hook\n# a comment\n"
        settings_of = AppriseSettings(url_file=secret_file(tmp_path, address))
        async with built(ChannelSettings(name="c", apprise=settings_of)) as channel:
            (document,) = documents()
            assert await channel.send("n1", document) == "told 1 receiver"
    (body,) = ear.bodies
    assert (body["title"], body["type"]) == ("CRITICAL: Rule spike (actor.id alice): 3 events", "failure")
    assert "watchbook ack a1" in body["message"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_what_apprise_could_not_tell_is_said_without_the_secrets(tmp_path: Path) -> None:
    logging.getLogger("apprise").propagate = False
    async with server(web.Response(status=500), web.Response(status=500)) as ear:
        address = ear.url.replace("http://", "json://someuser:hunter2hunter2@")
        settings_of = AppriseSettings(url_file=secret_file(tmp_path, address), timeout=Seconds(10))
        async with built(ChannelSettings(name="c", apprise=settings_of)) as channel:
            with pytest.raises(AttemptFailedError) as failed:
                await channel.send("n1", documents()[0])
    assert "500" in str(failed.value)
    assert "hunter2" not in str(failed.value)
    wrong = AppriseSettings(url_file=secret_file(tmp_path, "nonsense://x"))
    async with built(ChannelSettings(name="c", apprise=wrong)) as channel:
        with pytest.raises(AttemptFailedError, match="does not understand address 1"):
            await channel.send("n1", documents()[0])
