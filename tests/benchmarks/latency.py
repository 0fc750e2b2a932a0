"""From the append of a line to the arrival of its alert at a webhook, at a steady rate and with default settings.

With more rules beside the shipped ones, all of them ask about the lines' own log source: none is put aside unasked.
"""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from tests.benchmarks.rules.community import write_rules
from tests.benchmarks.rules.sources import SOURCES
from tests.stand import Stand, free_port, wait_for
from watchbook.clock import format_rfc3339, now_us
from watchbook.shipped import shipped_folder

_SLICE_S = 0.01
_PROFILE = "jsonl"
_UP_S = 300
_SECRET = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


class Latency(NamedTuple):
    """Seconds from append to arrival of each probe that arrived, sorted, and how many were sent."""

    rate: int
    probes: int
    seconds: list[float]
    agent_cpu: float
    collector_cpu: float

    def percentile(self, part: float) -> float:
        """Return the time below which this part of the probes arrived."""
        return self.seconds[min(len(self.seconds) - 1, int(len(self.seconds) * part))]


def measure_latency(rate: int, duration_s: float, progress: Callable[[str], None], *, rules: int = 0) -> Latency:
    """Write ``rate`` lines a second, ten of which change the permissions of somebody new and so raise an alert.

    ``rules``: how many made-up rules there are beside the shipped ones.
    """
    folder = Path(tempfile.mkdtemp(prefix="watchbook-bench-"))
    port = free_port()
    (folder / "secret").touch(mode=0o600)
    (folder / "secret").write_text(_SECRET)
    notify = (
        "notify:\n  channels:\n    - name: bench\n      max_per: none\n"
        f"      webhook: {{url: 'http://127.0.0.1:{port}/', secret_file: {folder}/secret}}\n"
    )
    more = ""
    if rules:
        sources = [source._replace(profile=_PROFILE) for source in SOURCES]
        write_rules(folder / "rules", rules, sources=sources)
        more = f"rules: [{shipped_folder('rules')}, {folder}/rules]\n"
    stand = Stand(folder / "stand", collector_extra=notify + more, profile=_PROFILE)
    try:
        stand.collector.start()
        progress(f"latency: loading {rules:,} rules more")
        stand.wait_until_up(_UP_S)
        stand.agent.start()
        wait_for("the agent to run", lambda: stand.agent_status().get("running"), 60, stand.evidence)
        before = stand.agent.cpu_s(), stand.collector.cpu_s()
        sent, arrived = asyncio.run(_run(stand, port, rate, duration_s, progress))
        used = [(p.cpu_s() - b) / duration_s for p, b in zip((stand.agent, stand.collector), before, strict=True)]
        seconds = sorted(arrived[who] - sent[who] for who in sent if who in arrived)
        return Latency(rate, len(sent), seconds, used[0], used[1])
    finally:
        stand.close()
        shutil.rmtree(folder, ignore_errors=True)


async def _run(
    stand: Stand, port: int, rate: int, duration_s: float, progress: Callable[[str], None]
) -> tuple[dict[str, float], dict[str, float]]:
    sent: dict[str, float] = {}
    arrived: dict[str, float] = {}

    async def hook(request: web.Request) -> web.Response:
        moment = time.monotonic()
        body = json.loads(await request.read())
        if body["type"] == "alert.opened":
            arrived.setdefault(str(body["data"]["user"]), moment)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        await _write(stand.logs / "app.log", rate, duration_s, sent, progress)
        deadline = time.monotonic() + 30
        while len(arrived) < len(sent) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
    finally:
        await runner.cleanup()
    return sent, arrived


async def _write(
    log: Path, rate: int, duration_s: float, sent: dict[str, float], progress: Callable[[str], None]
) -> None:
    began, written, numbers = time.monotonic(), 0, count()
    with log.open("ab", buffering=0) as file:
        while (passed := time.monotonic() - began) < duration_s:
            lines = []
            for _ in range(int((passed + _SLICE_S) * rate) - written):
                written += 1
                lines.append(_ordinary(written))
            if int(passed * 10) > len(sent):
                who = f"probe{next(numbers)}"
                lines.append(_probe(who))
                sent[who] = time.monotonic()
            file.write("".join(lines).encode())
            progress(f"latency: {written:,} lines, {len(sent)} probes")
            await asyncio.sleep(_SLICE_S)


def _ordinary(number: int) -> str:
    ts = format_rfc3339(now_us())
    return (
        f'{{"ts":"{ts}","user":"user{number % 500}","action":"viewed",'
        f'"resource":{{"type":"report","id":"r{number % 99}"}},'
        f'"status":"success","duration_ms":12,"request_id":"req_{number:012x}","msg":"user viewed report"}}\n'
    )


def _probe(who: str) -> str:
    ts = format_rfc3339(now_us())
    return (
        f'{{"ts":"{ts}","user":"{who}","action":"granted","resource":{{"type":"permission","id":"p1"}},'
        f'"status":"success","msg":"granted"}}\n'
    )
