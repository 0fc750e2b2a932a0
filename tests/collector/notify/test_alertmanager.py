"""A real Prometheus Alertmanager receives, groups and resolves what Watchbook tells it."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from collector.notify.channel_settings import AlertmanagerSettings
from collector.notify.settings import ChannelSettings
from tests.collector.alert.alerts import opened, resolved
from tests.collector.notify.stage import Stage, fast, notifying
from watchbook.clock import now_us
from watchbook.units import Seconds

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="prometheus-alertmanager is not installed here")

CONFIG = """
route: {{receiver: test, group_by: [alertname], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h}}
receivers:
  - name: test
    webhook_configs: [{{url: '{url}', send_resolved: true}}]
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def program(folder: Path, url: str, port: int) -> Iterator[None]:
    assert PROGRAM is not None
    (folder / "am.yml").write_text(CONFIG.format(url=url))
    command = [
        PROGRAM, f"--config.file={folder}/am.yml", f"--storage.path={folder}/am",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    with (folder / "am.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)


@asynccontextmanager
async def listener() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Receive what the Alertmanager tells on."""
    told: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        told.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", told
    finally:
        await runner.cleanup()


async def alerts_of(url: str) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/api/v2/alerts") as response:
        found: list[dict[str, Any]] = await response.json()
        return found


async def ready(url: str) -> None:
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/-/ready") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


@asynccontextmanager
async def told_by_alertmanager(folder: Path, resend: float) -> AsyncIterator[tuple[Stage, str, list[dict[str, Any]]]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with listener() as (hook, told):
        running = program(folder, hook, port)
        await asyncio.to_thread(running.__enter__)
        try:
            await ready(url)
            manager = AlertmanagerSettings(urls=(url, "http://127.0.0.1:9"), resend=Seconds(resend))
            channel = ChannelSettings(name="am", alertmanager=manager)
            async with notifying(folder, fast(channel)) as stage:
                yield stage, url, told
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)


async def until(condition: Any, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def statuses(told: list[dict[str, Any]]) -> dict[str, str]:
    """Return the last status of each alert that the Alertmanager told on."""
    return {alert["labels"]["alert_id"]: alert["status"] for one in told for alert in one["alerts"]}


async def test_an_alertmanager_groups_what_it_is_told_and_tells_of_the_end(tmp_path: Path) -> None:
    now = now_us()
    async with told_by_alertmanager(tmp_path, resend=0.5) as (stage, url, told):
        await stage.apply(*(opened(name, opened=now, first=now, last=now) for name in ("a1", "b2")))
        await until(lambda: statuses(told) == {"a1": "firing", "b2": "firing"})
        one = max(told, key=lambda each: len(each["alerts"]))
        assert len(one["alerts"]) == 2, "the Alertmanager groups by alertname"
        alert = one["alerts"][0]
        assert alert["labels"] == {
            "alertname": "Failure spike", "severity": "high", "rule": "0b8d6a1e-54f4-4e4e-9e86-27e9bd2a6f35",
            "alert_id": alert["labels"]["alert_id"], "source": "watchbook", "actor_id": "alice",
        }  # fmt: skip
        assert alert["annotations"]["runbook_url"] == "https://example.com/runbook"
        assert alert["annotations"]["acknowledge"] == f"watchbook ack {alert['labels']['alert_id']}"
        await stage.apply(resolved("a1", opened=now, first=now, last=now))
        await until(lambda: statuses(told).get("a1") == "resolved")
        assert statuses(told)["b2"] == "firing"
        assert [each["labels"]["alert_id"] for each in await alerts_of(url)] == ["b2"]


async def test_what_fires_is_told_again_before_an_alertmanager_takes_it_for_over(tmp_path: Path) -> None:
    now = now_us()
    async with told_by_alertmanager(tmp_path, resend=0.3) as (stage, url, told):
        await stage.apply(opened("a1", opened=now, first=now, last=now))
        await until(lambda: statuses(told) == {"a1": "firing"})
        ends = []
        for _ in range(6):  # three times as long as an alert lives there that is told once
            await asyncio.sleep(0.6)
            (alert,) = await alerts_of(url)
            ends.append(alert["endsAt"])
        assert len(set(ends)) == 6
        assert statuses(told) == {"a1": "firing"}
        assert stage.notifier.sender.counters["am"].failed == 0


async def test_it_is_over_there_when_nobody_tells_of_it_any_more(tmp_path: Path) -> None:
    now = now_us()
    async with told_by_alertmanager(tmp_path, resend=0.3) as (stage, _, told):
        await stage.apply(opened("a1", opened=now, first=now, last=now))
        await until(lambda: statuses(told) == {"a1": "firing"})
        stage.notifier.sender._stopping = True
        stage.notifier._ledger.firing = lambda *_: []  # type: ignore[method-assign]
        await until(lambda: statuses(told) == {"a1": "resolved"})


async def test_a_trial_is_taken(tmp_path: Path) -> None:
    async with told_by_alertmanager(tmp_path, resend=60) as (stage, url, _):
        outcome = await stage.notifier.desk.test("am", "carol")
        assert outcome["sent"], outcome
        assert f"{url} took it" in outcome["answer"]
        assert "127.0.0.1:9" in outcome["answer"]  # the instance that is down is named
