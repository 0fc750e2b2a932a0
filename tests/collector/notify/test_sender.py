"""Notifications arrive: signed, at least once, under one id, whatever the receiver does meanwhile."""

import asyncio
import itertools
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from collector.notify.attempt import retry_after_s
from collector.notify.channel_settings import WebhookSettings, secret_key
from collector.notify.channels.webhook import signed_headers
from collector.notify.outbox import Outbox
from collector.notify.sender import Sender
from collector.notify.settings import ChannelSettings, NotifySettings
from tests.collector.alert.alerts import opened, resolved
from tests.collector.notify.receiver import SECRET, receiver
from tests.collector.notify.stage import fast, hook, notifying
from watchbook.clock import now_us
from watchbook.units import Seconds


async def test_a_notification_is_sent_as_soon_as_the_alert_is_there(tmp_path: Path) -> None:
    async with receiver() as ear, notifying(tmp_path, fast(hook(url=ear.url))) as stage:
        await stage.apply(opened())
        await ear.until(lambda: bool(ear.taken))
        await stage.until("delivered", 1)
        counters = stage.notifier.sender.counters["ops"]
    assert [(one.id, one.body["type"]) for one in ear.taken] == [("a1-1-1-ops", "alert.opened")]
    data = ear.taken[0].body["data"]
    assert (data["user"], data["event"], data["resource"]) == (
        "alice@company.com", "notebook_executed", "Q2 Sales Report"
    )  # fmt: skip
    assert (data["count"], data["response"], data["group"]) == (3, "Look.", {"actor.id": "alice"})
    assert data["evidence"] == ["2026-11-18T11:06:40Z alice@company.com notebook_executed Q2 Sales Report"]
    assert (counters.sent, counters.failed, counters.in_flight) == (1, 0, 0)


async def test_a_failing_receiver_is_tried_again_under_the_same_id_until_it_takes_it(tmp_path: Path) -> None:
    answers = (web.Response(status=500), web.Response(status=503), web.Response(status=404, text="not yet"))
    async with receiver(*answers) as ear, notifying(tmp_path, fast(hook(url=ear.url))) as stage:
        await stage.apply(opened())
        await stage.until("delivered", 1)
        counters = stage.notifier.sender.counters["ops"]
    assert ear.attempts == ["a1-1-1-ops"] * 4
    assert (counters.sent, counters.failed, counters.retried) == (1, 3, 3)


async def test_what_happened_before_a_crash_is_told_after_it_under_the_same_id(tmp_path: Path) -> None:
    async with receiver() as ear:
        async with notifying(tmp_path, fast(hook(url="http://127.0.0.1:9/"))) as stage:
            await stage.apply(opened())
            (waiting,) = await stage.until("waiting", 1)
        async with notifying(tmp_path, fast(hook(url=ear.url)), before=[opened("b2")]) as stage:
            await stage.until("delivered", 2)
    assert sorted(one.id for one in ear.taken) == [waiting["id"], "b2-2-1-ops"] == ["a1-1-1-ops", "b2-2-1-ops"]


async def test_what_was_taken_but_not_struck_off_is_sent_again_under_the_same_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[str] = []
    delivered = Outbox.delivered

    def forget_first(self: Outbox, notification: str, now: int) -> None:
        """Lose the note of the first delivery, as a crash right after the answer would."""
        if lost:
            delivered(self, notification, now)
        lost.append(notification)

    monkeypatch.setattr(Outbox, "delivered", forget_first)
    async with receiver() as ear, notifying(tmp_path, fast(hook(url=ear.url))) as stage:
        await stage.apply(opened())
        await stage.until("delivered", 1)
    assert [one.id for one in ear.taken] == ["a1-1-1-ops"] * 2
    assert ear.taken[0] == ear.taken[1]


async def test_a_receiver_that_cannot_be_reached_is_tried_until_it_is_back(tmp_path: Path) -> None:
    async with receiver() as gone:
        pass
    async with notifying(tmp_path, fast(hook(url=gone.url))) as stage:
        await stage.apply(opened())
        counters = stage.notifier.sender.counters["ops"]
        async with asyncio.timeout(10):
            while counters.failed < 3:
                await asyncio.sleep(0.005)
        assert "Connect" in (counters.last_error or "")
        assert await stage.waiting() == {("ops", "waiting"): 1}


async def test_a_receiver_that_hangs_is_given_up_after_the_timeout_and_tried_again(tmp_path: Path) -> None:
    async def hang() -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with receiver(hang) as ear, notifying(tmp_path, fast(hook(url=ear.url, timeout=0.05))) as stage:
        await stage.apply(opened())
        await stage.until("delivered", 1)
        assert stage.notifier.sender.counters["ops"].failed == 1


async def test_redirects_are_not_followed(tmp_path: Path) -> None:
    async with receiver() as elsewhere:
        moved = web.Response(status=308, headers={"Location": elsewhere.url})
        async with receiver(moved) as ear, notifying(tmp_path, fast(hook(url=ear.url))) as stage:
            await stage.apply(opened())
            async with asyncio.timeout(10):
                while not (told := stage.notifier.sender.counters["ops"].last_error or ""):
                    await asyncio.sleep(0.002)
            await stage.until("delivered", 1)
    assert elsewhere.attempts == []
    assert "answered 308" in told
    assert "redirects are not followed" in told
    assert elsewhere.url in told


async def test_a_receiver_that_is_gone_is_left_alone_and_what_waits_is_kept(tmp_path: Path) -> None:
    async with receiver(web.Response(status=410)) as ear, receiver() as other:
        channels = hook(url=ear.url), hook("backup", url=other.url)
        async with notifying(tmp_path, fast(*channels)) as stage:
            await stage.apply(opened())
            async with asyncio.timeout(10):
                while not stage.notifier.sender.counters["ops"].gone:
                    await asyncio.sleep(0.005)
            await stage.apply(opened("b2"))
            await other.until(lambda: len(other.taken) >= 3)  # the two, and that the other channel is gone
            assert ear.attempts == ["a1-1-1-ops"]
            assert (await stage.waiting())[("ops", "waiting")] == 2
        async with notifying(tmp_path, fast(*channels)) as stage:
            await ear.until(lambda: len(ear.taken) == 2)
            await other.until(lambda: other.taken[-1].body["type"] == "alert.resolved")
    assert {one.body["data"]["title"] for one in other.taken} == {"Failure spike", "Notification channel failing"}


async def test_one_slow_channel_does_not_hold_up_another(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def slow() -> web.Response:
        await release.wait()
        return web.Response()

    async with receiver(slow, slow) as stuck, receiver() as quick:
        channels = hook("stuck", url=stuck.url, timeout=30), hook("quick", url=quick.url)
        before = [opened(f"x{index}") for index in range(20)]
        async with notifying(tmp_path, fast(*channels, in_flight=2), before=before) as stage:
            await quick.until(lambda: len(quick.taken) == 20)
            assert stuck.taken == []
            assert stuck.now <= 2
            release.set()
            await stage.until("delivered", 40)
    assert stuck.most == 2
    assert len(stuck.taken) == len({one.id for one in stuck.taken}) == 20


async def test_nobody_hears_that_an_alert_is_over_before_it_began(tmp_path: Path) -> None:
    answers = (web.Response(status=500) for _ in range(3))
    async with receiver(*answers) as ear, notifying(tmp_path, fast(hook(url=ear.url))) as stage:
        await stage.apply(opened(), resolved())
        await stage.until("delivered", 2)
    assert [one.body["type"] for one in ear.taken] == ["alert.opened", "alert.resolved"]
    assert ear.attempts == ["a1-2-1-ops"] * 4 + ["a1-2-2-ops"]


async def test_an_attempt_under_way_is_ended_when_the_daemon_stops(tmp_path: Path) -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow() -> web.Response:
        arrived.set()
        await release.wait()
        return web.Response()

    async with receiver(slow) as ear:
        settings = fast(hook(url=ear.url), in_flight=1)
        async with notifying(tmp_path, settings, before=[opened(), opened("b2")]):
            await arrived.wait()
            asyncio.get_running_loop().call_later(0.05, release.set)
        assert [one.id for one in ear.taken] == ["a1-1-1-ops"]
        async with notifying(tmp_path, settings) as stage:
            await stage.until("delivered", 2)
    assert [one.id for one in ear.taken] == ["a1-1-1-ops", "b2-2-1-ops"]


async def test_a_database_that_refuses_for_a_while_only_delays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = iter([1, 1])
    delivered = Outbox.delivered

    def refuse(self: Outbox, notification: str, now: int) -> None:
        if next(refusals, None):
            raise sqlite3.OperationalError("database or disk is full")
        delivered(self, notification, now)

    monkeypatch.setattr(Outbox, "delivered", refuse)
    monkeypatch.setattr("collector.notify.sender._DATABASE_PAUSE_S", 0.01)
    async with receiver() as ear, notifying(tmp_path, fast(hook(url=ear.url))) as stage:
        await stage.apply(opened())
        await stage.until("delivered", 1)
    assert len(ear.attempts) == 1


async def test_a_plan_that_cannot_be_written_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from collector.notify.ledger import Ledger

    refusals = iter([1, 1])
    write = Ledger.write

    def refuse(self: Ledger, *what: Any) -> int:
        if next(refusals, None):
            raise sqlite3.OperationalError("database or disk is full")
        return write(self, *what)

    monkeypatch.setattr(Ledger, "write", refuse)
    monkeypatch.setattr("collector.notify.dispatcher._DATABASE_PAUSE_S", 0.01)
    async with receiver() as ear, notifying(tmp_path, fast(hook(url=ear.url))) as stage:
        await stage.apply(opened())
        await stage.until("delivered", 1)
    assert ear.attempts == ["a1-1-1-ops"]


async def test_a_mistake_in_planning_or_in_a_channel_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collector.notify.channels.webhook import WebhookChannel
    from collector.notify.ledger import Ledger

    broken, write, send = iter([1]), Ledger.write, WebhookChannel.send

    def fail(self: Ledger, *what: Any) -> int:
        if next(broken, None):
            raise KeyError("x")
        return write(self, *what)

    async def fail_for_one(self: WebhookChannel, notification: str, document: dict[str, Any]) -> str:
        if notification.startswith("a1"):
            raise ZeroDivisionError
        return await send(self, notification, document)

    monkeypatch.setattr(Ledger, "write", fail)
    monkeypatch.setattr(WebhookChannel, "send", fail_for_one)
    monkeypatch.setattr("collector.notify.dispatcher._DATABASE_PAUSE_S", 0.01)
    async with receiver() as ear, notifying(tmp_path, fast(hook(url=ear.url))) as stage:
        await stage.apply(opened(), opened("b2"))
        (dead,) = await stage.until("dead", 1)
        await stage.until("delivered", 1)
        assert not stage.notifier.dispatcher.failing
    assert dead["last_error"] == "ZeroDivisionError: see the collector's log"


async def test_a_retry_that_falls_due_between_two_looks_at_the_clock_is_not_slept_over(tmp_path: Path) -> None:
    looks = itertools.count()

    def clock() -> int:
        return now_us() + next(looks) * 700_000  # the pause of one second ends between the next look and the one after

    settings = fast(hook("ops"), retry_first=Seconds(1), retry_max=Seconds(1))
    async with receiver(web.Response(status=500)) as ear:
        settings = fast(hook(url=ear.url), retry_first=Seconds(1), retry_max=Seconds(1))
        async with notifying(tmp_path, settings, clock=clock) as stage:
            await stage.apply(opened())
            await ear.until(lambda: len(ear.taken) == 1)
    assert len(ear.attempts) >= 2


async def test_the_secret_may_be_renewed_and_its_loss_is_a_failed_attempt(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    async with receiver() as ear:
        channel = ChannelSettings(name="ops", webhook=WebhookSettings(url=ear.url, secret_file=secret))
        async with notifying(tmp_path, fast(channel)) as stage:
            await stage.apply(opened())
            async with asyncio.timeout(10):
                while not stage.notifier.sender.counters["ops"].failed:
                    await asyncio.sleep(0.005)
            assert "the secret cannot be used" in (stage.notifier.sender.counters["ops"].last_error or "")

            def renew() -> None:
                secret.touch(0o600)
                secret.write_text(SECRET + "\n")

            await asyncio.to_thread(renew)
            await stage.until("delivered", 1)


async def test_what_a_receiver_will_never_take_is_a_dead_letter_and_holds_up_nothing(tmp_path: Path) -> None:
    answers = (web.Response(status=422, text="what is that?"),)
    async with receiver(*answers) as ear, notifying(tmp_path, fast(hook(url=ear.url))) as stage:
        await stage.apply(opened(), resolved())
        (dead,) = await stage.until("dead", 1)
        await stage.until("delivered", 1)
        assert (dead["id"], dead["attempts"], dead["last_error"]) == ("a1-2-1-ops", 1, "answered 422: what is that?")
        again = await stage.notifier.desk.retry(dead["number"], "carol")
        assert again["state"] == "waiting"
        await stage.until("delivered", 2)
    assert ear.attempts == ["a1-2-1-ops", "a1-2-2-ops", "a1-2-1-ops"]
    assert [(each["event_type"], each["actor.id"]) for each in stage.told] == [("notification.retried", "carol")]


async def test_what_was_tried_for_long_enough_is_a_dead_letter(tmp_path: Path) -> None:
    answers = [web.Response(status=500) for _ in range(1000)]
    async with receiver(*answers) as ear:
        settings = fast(hook(url=ear.url), give_up_after=Seconds(0.2))
        async with notifying(tmp_path, settings) as stage:
            await stage.apply(opened())
            (dead,) = await stage.until("dead", 1)
            assert dead["attempts"] >= 3
            assert (await stage.notifier.desk.drop(dead["number"], "carol"))["state"] == "dropped"
            assert await stage.waiting() == {}


async def test_what_was_delivered_long_ago_is_forgotten(tmp_path: Path) -> None:
    async with receiver() as ear:
        async with notifying(tmp_path, fast(hook(url=ear.url))) as stage:
            await stage.apply(opened(), resolved())
            await stage.until("delivered", 2)
        later = now_us() + 8 * 86_400 * 1_000_000
        async with notifying(tmp_path, fast(hook(url=ear.url)), clock=lambda: later) as stage, asyncio.timeout(10):
            while await asyncio.to_thread(stage.notifier.outbox.page, None, None, 10):
                await asyncio.sleep(0.005)


# -- decisions ------------------------------------------------------------------------------------------------------


def test_the_signature_is_the_one_of_the_standard() -> None:
    body = b'{"a": "\xc3\xa5"}'
    headers = signed_headers(secret_key(SECRET), "a1-opened-ops", now_us() // 1_000_000, body)
    assert Webhook(SECRET).verify(body, headers) == {"a": "å"}
    known = signed_headers(secret_key(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert known["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def make_sender(jitter: float) -> Sender:
    settings = NotifySettings(retry_first=Seconds(1), retry_max=Seconds(60))
    return Sender(None, settings, {}, None, firing=lambda _: (), jitter=lambda: jitter)  # type: ignore[arg-type]


def test_pauses_double_up_to_the_limit() -> None:
    assert [make_sender(1.0).pause_s(attempts, None) for attempts in (0, 1, 2, 5, 6, 1000)] == [1, 2, 4, 32, 60, 60]
    assert make_sender(0.0).pause_s(2, None) == 2


def test_a_receiver_may_ask_for_a_longer_pause_but_not_for_ever() -> None:
    assert make_sender(1.0).pause_s(0, 120.0) == 120
    assert make_sender(1.0).pause_s(3, 0.5) == 8
    assert make_sender(1.0).pause_s(0, 1e9) == 3600


@given(st.floats(0, 1), st.integers(0, 2000), st.none() | st.floats(0, 1e12))
def test_a_pause_is_never_nothing_and_never_for_ever(jitter: float, attempts: int, asked: float | None) -> None:
    assert 0.5 <= make_sender(jitter).pause_s(attempts, asked) <= 3600


def test_retry_after_is_read_in_both_of_its_forms() -> None:
    now = 1_795_000_000_000_000
    assert retry_after_s("17", now) == 17
    assert retry_after_s("Wed, 18 Nov 2026 11:07:10 GMT", now) == 30
    assert retry_after_s("Wed, 18 Nov 2020 11:07:10 GMT", now) == 0
    for odd in (None, "", "soon", "-5", "1.5", "९"):
        assert retry_after_s(odd, now) is None
