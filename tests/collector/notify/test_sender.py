"""Notifications arrive: signed, at least once, under one id, whatever the receiver does meanwhile."""

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from collector.alert import AlertSettings, AlertStore, ChannelSettings, Sender
from collector.alert.outbox import Outbox
from collector.alert.settings import secret_key
from collector.alert.webhook import retry_after_s, signed_headers
from collector.finding import AlertChange
from tests.collector.alert.alerts import SECRET, channel, open_store, opened, resolved
from tests.collector.alert.receiver import receiver
from watchbook.clock import now_us
from watchbook.units import Seconds


def fast(*channels: ChannelSettings, in_flight: int = 4) -> AlertSettings:
    return AlertSettings(notify=channels, retry_first=Seconds(0.01), retry_max=Seconds(0.05), in_flight=in_flight)


@asynccontextmanager
async def sending(store: AlertStore, settings: AlertSettings) -> AsyncIterator[Sender]:
    """Run a sender until the block ends, then stop it as the daemon does."""
    stop = asyncio.Event()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        sender = Sender(store.outbox, settings, session)
        tasks.create_task(sender.run(stop))
        try:
            yield sender
        finally:
            stop.set()


async def apply(store: AlertStore, *changes: AlertChange) -> None:
    await asyncio.to_thread(store.apply, changes, None)


async def pending(store: AlertStore) -> dict[str, int]:
    return await asyncio.to_thread(store.outbox.pending)


async def until_empty(store: AlertStore) -> None:
    async with asyncio.timeout(10):
        while await pending(store):
            await asyncio.sleep(0.005)


async def test_a_notification_is_sent_as_soon_as_the_sender_is_woken(tmp_path: Path) -> None:
    async with receiver() as hook:
        ops = channel(url=hook.url)
        store = await asyncio.to_thread(open_store, tmp_path, ops)
        async with sending(store, fast(ops)) as sender:
            await apply(store, opened())
            sender.wake()
            await hook.until(lambda: bool(hook.taken))
            await until_empty(store)
    assert [(one.id, one.body["type"]) for one in hook.taken] == [("a1-opened-ops", "alert.opened")]
    assert hook.taken[0].body["data"]["user"] == "alice@company.com"
    assert (sender.counters["ops"].sent, sender.counters["ops"].failed, sender.counters["ops"].in_flight) == (1, 0, 0)


async def test_a_failing_receiver_is_tried_again_under_the_same_id_until_it_takes_it(tmp_path: Path) -> None:
    answers = (web.Response(status=500), web.Response(status=503), web.Response(status=404, text="not yet"))
    async with receiver(*answers) as hook:
        ops = channel(url=hook.url)
        store = await asyncio.to_thread(open_store, tmp_path, ops)
        await apply(store, opened())
        async with sending(store, fast(ops)) as sender:
            await hook.until(lambda: bool(hook.taken))
            await until_empty(store)
    assert hook.attempts == ["a1-opened-ops"] * 4
    assert (sender.counters["ops"].sent, sender.counters["ops"].failed) == (1, 3)


async def test_what_was_written_before_a_crash_is_sent_after_it_under_the_same_id(tmp_path: Path) -> None:
    async with receiver() as hook:
        ops = channel(url=hook.url)
        store = await asyncio.to_thread(open_store, tmp_path, ops)
        await apply(store, opened())
        await asyncio.to_thread(store.close)  # no sender ever saw it
        again = await asyncio.to_thread(open_store, tmp_path, ops)
        async with sending(again, fast(ops)):
            await hook.until(lambda: bool(hook.taken))
            await until_empty(again)
    assert [one.id for one in hook.taken] == ["a1-opened-ops"]


async def test_what_was_taken_but_not_struck_off_is_sent_again_under_the_same_id(tmp_path: Path) -> None:
    class Forgetful(Outbox):
        """Loses the note of the first delivery, as a crash right after the answer would."""

        lost = False

        def delivered(self, notification: str, now_us: int) -> None:
            if self.lost:
                super().delivered(notification, now_us)
            self.lost = True

    async with receiver() as hook:
        ops = channel(url=hook.url)
        store = await asyncio.to_thread(open_store, tmp_path, ops)
        store.outbox = Forgetful(store.state)
        await apply(store, opened())
        async with sending(store, fast(ops)):
            await until_empty(store)
    assert [one.id for one in hook.taken] == ["a1-opened-ops"] * 2
    assert hook.taken[0] == hook.taken[1]


async def test_a_receiver_that_cannot_be_reached_is_tried_until_it_is_back(tmp_path: Path) -> None:
    async with receiver() as gone:
        pass
    ops = channel(url=gone.url)
    store = await asyncio.to_thread(open_store, tmp_path, ops)
    await apply(store, opened())
    async with sending(store, fast(ops)) as sender:
        async with asyncio.timeout(10):
            while sender.counters["ops"].failed < 3:
                await asyncio.sleep(0.005)
        assert "Connect" in (sender.counters["ops"].last_error or "")
        assert await pending(store) == {"ops": 1}


async def test_a_receiver_that_hangs_is_given_up_after_the_timeout_and_tried_again(tmp_path: Path) -> None:
    async def hang() -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with receiver(hang) as hook:
        ops = channel(url=hook.url, timeout=0.05)
        store = await asyncio.to_thread(open_store, tmp_path, ops)
        await apply(store, opened())
        async with sending(store, fast(ops)) as sender:
            await hook.until(lambda: bool(hook.taken))
            await until_empty(store)
    assert sender.counters["ops"].failed == 1


async def test_redirects_are_not_followed(tmp_path: Path) -> None:
    async with receiver() as elsewhere, receiver(web.Response(status=308, headers={"Location": elsewhere.url})) as hook:
        ops = channel(url=hook.url)
        store = await asyncio.to_thread(open_store, tmp_path, ops)
        await apply(store, opened())
        async with sending(store, fast(ops)) as sender:
            await hook.until(lambda: len(hook.attempts) == 1)
            async with asyncio.timeout(10):
                while not sender.counters["ops"].failed:
                    await asyncio.sleep(0.005)
            told = sender.counters["ops"].last_error or ""
            await until_empty(store)
    assert elsewhere.attempts == []
    assert "answered 308" in told
    assert "redirects are not followed" in told
    assert elsewhere.url in told


async def test_a_receiver_that_is_gone_is_left_alone_and_what_waits_is_kept(tmp_path: Path) -> None:
    async with receiver(web.Response(status=410)) as hook, receiver() as other:
        ops, backup = channel(url=hook.url), channel("backup", url=other.url)
        store = await asyncio.to_thread(open_store, tmp_path, ops, backup)
        await apply(store, opened())
        async with sending(store, fast(ops, backup)) as sender:
            async with asyncio.timeout(10):
                while not sender.counters["ops"].gone:
                    await asyncio.sleep(0.005)
            await apply(store, opened("b2"))
            sender.wake()
            await other.until(lambda: len(other.taken) == 2)
        assert hook.attempts == ["a1-opened-ops"]
        assert await pending(store) == {"ops": 2}
        async with sending(store, fast(ops, backup)):
            await until_empty(store)
    assert {one.id for one in hook.taken} == {"a1-opened-ops", "b2-opened-ops"}


async def test_one_slow_channel_does_not_hold_up_another(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def slow() -> web.Response:
        await release.wait()
        return web.Response()

    async with receiver(slow, slow) as stuck, receiver() as quick:
        channels = channel("stuck", url=stuck.url), channel("quick", url=quick.url)
        store = await asyncio.to_thread(open_store, tmp_path, *channels)
        await apply(store, *(opened(f"x{index}") for index in range(20)))
        async with sending(store, fast(*channels, in_flight=2)):
            await quick.until(lambda: len(quick.taken) == 20)
            assert stuck.taken == []
            assert stuck.now <= 2
            release.set()
            await until_empty(store)
    assert stuck.most == 2
    assert len(stuck.taken) == len({one.id for one in stuck.taken}) == 20


async def test_nobody_hears_that_an_alert_is_over_before_it_began(tmp_path: Path) -> None:
    async with receiver(*(web.Response(status=500) for _ in range(3))) as hook:
        ops = channel(url=hook.url)
        store = await asyncio.to_thread(open_store, tmp_path, ops)
        await apply(store, opened(), resolved())
        async with sending(store, fast(ops)):
            await until_empty(store)
    assert [one.body["type"] for one in hook.taken] == ["alert.opened", "alert.resolved"]
    assert hook.attempts == ["a1-opened-ops"] * 4 + ["a1-resolved-ops"]


async def test_an_attempt_under_way_is_ended_when_the_daemon_stops(tmp_path: Path) -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow() -> web.Response:
        arrived.set()
        await release.wait()
        return web.Response()

    async with receiver(slow) as hook:
        ops = channel(url=hook.url)
        store = await asyncio.to_thread(open_store, tmp_path, ops)
        await apply(store, opened(), opened("b2"))
        stop = asyncio.Event()
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            tasks.create_task(Sender(store.outbox, fast(ops, in_flight=1), session).run(stop))
            await arrived.wait()
            stop.set()
            await asyncio.sleep(0)
            release.set()
        assert await pending(store) == {"ops": 1}
    assert [one.id for one in hook.taken] == ["a1-opened-ops"]


async def test_a_database_that_refuses_for_a_while_only_delays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(Outbox):
        refusals = 2

        def delivered(self, notification: str, now_us: int) -> None:
            if self.refusals:
                self.refusals -= 1
                raise sqlite3.OperationalError("database or disk is full")
            super().delivered(notification, now_us)

    monkeypatch.setattr("collector.alert.sender._DATABASE_PAUSE_S", 0.01)
    async with receiver() as hook:
        ops = channel(url=hook.url)
        store = await asyncio.to_thread(open_store, tmp_path, ops)
        store.outbox = Refusing(store.state)
        await apply(store, opened())
        async with sending(store, fast(ops)):
            await until_empty(store)
    assert len(hook.attempts) == 1


async def test_a_retry_that_falls_due_between_two_looks_at_the_clock_is_not_slept_over(tmp_path: Path) -> None:
    looks = itertools.count()

    def clock() -> int:
        return now_us() + next(looks) * 700_000  # the pause of one second ends between the next look and the one after

    async with receiver(web.Response(status=500)) as hook:
        ops = channel(url=hook.url)
        store = await asyncio.to_thread(open_store, tmp_path, ops)
        await apply(store, opened())
        stop = asyncio.Event()
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            settings = AlertSettings(notify=(ops,), retry_first=Seconds(1), retry_max=Seconds(1))
            sender = Sender(store.outbox, settings, session, clock=clock, jitter=lambda: 1.0)
            tasks.create_task(sender.run(stop))
            await until_empty(store)
            stop.set()
    assert len(hook.attempts) == 2


async def test_the_secret_may_be_renewed_and_its_loss_is_a_failed_attempt(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    async with receiver() as hook:
        ops = channel(url=hook.url)
        ops = ChannelSettings("ops", type(ops.webhook)(url=hook.url, secret_file=secret))
        store = await asyncio.to_thread(open_store, tmp_path, ops)
        await apply(store, opened())
        async with sending(store, fast(ops)) as sender:
            async with asyncio.timeout(10):
                while not sender.counters["ops"].failed:
                    await asyncio.sleep(0.005)
            assert "the secret cannot be used" in (sender.counters["ops"].last_error or "")
            await asyncio.to_thread(secret.write_text, SECRET + "\n")
            await until_empty(store)


# -- decisions ------------------------------------------------------------------------------------------------------


def test_the_signature_is_the_one_of_the_standard() -> None:
    body = b'{"a": "\xc3\xa5"}'
    headers = signed_headers(secret_key(SECRET), "a1-opened-ops", now_us() // 1_000_000, body)
    assert Webhook(SECRET).verify(body, headers) == {"a": "å"}
    known = signed_headers(secret_key(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert known["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def make_sender(jitter: float) -> Sender:
    settings = AlertSettings(retry_first=Seconds(1), retry_max=Seconds(60))
    return Sender(None, settings, None, jitter=lambda: jitter)  # type: ignore[arg-type]


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
