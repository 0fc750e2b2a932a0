"""Builds the agent and runs it: the rooms are joined here and nowhere else."""

import asyncio
import os
import resource
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

import aiohttp

from agent.batch import Builder, Origin
from agent.config import AgentSettings
from agent.parse import FORMATS
from agent.profile import Definition, compile_profile
from agent.pump import Pump, Route
from agent.redact import NoRedactor, SecretRedactor, make_redactor
from agent.ship import Journal, Shipper
from agent.spool import Backlog, Spool
from agent.status import write_status
from agent.tail import Tailer, Waker
from watchbook import __version__
from watchbook.clock import Clock, now_us, process_start_us
from watchbook.daemon import Stop, notify_systemd, settle_memory
from watchbook.logs import get_logger

log = get_logger("agent")
_BATCH_BYTES_MAX = 256 << 20


async def run_agent(
    settings: AgentSettings, profiles: Mapping[str, Definition], stop: Stop, clock: Clock = now_us
) -> None:
    """Run until the stop is asked for: tail, spool, ship; then commit what is in hand and send what can be sent."""
    _allow_open_files()
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        worker = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="spool"))
        reserve = settings.spool.reserve_bytes
        spool = await loop.run_in_executor(worker, lambda: Spool(settings.state, clock, process_start_us(), reserve))
        stack.push_async_callback(loop.run_in_executor, worker, spool.close)
        documents, started, last, sent = await loop.run_in_executor(
            worker, lambda: (spool.positions(), spool.started(), spool.last_sequence(), spool.acknowledged())
        )
        redactor = make_redactor(settings.redact)
        # A pattern added to a running set begins with this start, the first patterns with the first start of all.
        since_us = process_start_us() if started else spool.first_start
        tailer = Tailer(
            settings.input_files(),
            settings.tail,
            clock=clock,
            since_us=since_us,
            documents=documents,
            started=started,
        )
        stack.callback(tailer.close)
        waker = Waker(settings.tail, tailer.folders)
        backlog = Backlog(
            lambda after, limit: loop.run_in_executor(worker, spool.after, after, limit),
            last_stored=last,
            acknowledged=sent,
            memory_bytes_max=settings.spool.memory_bytes_max,
        )
        pump = Pump(
            tailer=tailer,
            waker=waker,
            routes=_routes(settings, profiles, redactor),
            builder=Builder(settings.batch),
            spool=spool,
            backlog=backlog,
            worker=worker,
            tail=settings.tail,
            spool_bytes_max=settings.spool.bytes_max,
            clock=clock,
        )
        session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=True))
        shipper = Shipper(settings.collector, session, _journal(spool, backlog, pump, worker), clock=clock)
        settle_memory()

        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(waker.run()),
                tasks.create_task(_wake_at_stop(stop, waker)),
                tasks.create_task(shipper.run()),
                tasks.create_task(_report(settings, pump, shipper, redactor, tailer, clock)),
            ]
            log.info("agent_started", name=settings.name, inputs=len(settings.inputs), unsent=spool.batches)
            notify_systemd("READY=1")
            await pump.run(stop)
            await _send_the_rest(backlog, shipper, settings.drain_timeout / 2)
            for task in background:
                task.cancel()
        status = _status(settings, pump, shipper, redactor, tailer, clock) | {"stopped": True}
        await loop.run_in_executor(worker, write_status, settings.state, status)
        log.info("agent_stopped", sent_events=shipper.state.events, unsent_batches=spool.batches)


def _allow_open_files() -> None:
    """Raise the soft limit of open files to the hard one: every followed file is held open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _routes(
    settings: AgentSettings, profiles: Mapping[str, Definition], redactor: SecretRedactor | NoRedactor
) -> dict[str, Route]:
    routes = {}
    for each in settings.inputs:
        normalise = compile_profile(
            profiles[each.profile], FORMATS, redactor, constants=each.constants, zone=each.zone, keep_raw=each.keep_raw
        )
        routes[each.name] = Route(normalise, Origin(settings.host, settings.name, each.name, each.profile))
    return routes


def _journal(spool: Spool, backlog: Backlog, pump: Pump, worker: ThreadPoolExecutor) -> Journal:
    loop = asyncio.get_running_loop()

    async def reject(sequence: int, indexes: tuple[int, ...] | None, reason: str) -> None:
        await loop.run_in_executor(worker, spool.reject, sequence, indexes, reason, _BATCH_BYTES_MAX)
        backlog.forget_memory()

    async def renew(reason: str) -> None:
        backlog.restart(await loop.run_in_executor(worker, spool.renew_stream, backlog.acknowledged))
        pump.add_event(
            {
                "action": "update",
                "event_type": "agent.stream_renewed",
                "resource.type": "stream",
                "resource.id": spool.stream,
                "outcome": "success",
                "reason": reason,
                "message": f"the collector's stream and this agent's did not fit ({reason}); a new stream was begun",
            }
        )

    return Journal(next=backlog.next, acknowledge=backlog.acknowledge, reject=reject, renew=renew)


async def _wake_at_stop(stop: Stop, waker: Waker) -> None:
    await stop.asked.wait()
    waker.wake()


async def _send_the_rest(backlog: Backlog, shipper: Shipper, seconds: float) -> None:
    """Give the sender a moment for what is unsent, as long as the collector takes it."""
    try:
        async with asyncio.timeout(seconds):
            await backlog.wait_until_empty(lambda: shipper.state.state in ("paused", "retrying"))
    except TimeoutError:
        log.info("unsent_kept", reason="the drain time is over; the rest is sent after the next start")


def _status(
    settings: AgentSettings,
    pump: Pump,
    shipper: Shipper,
    redactor: SecretRedactor | NoRedactor,
    tailer: Tailer,
    clock: Clock,
) -> dict[str, Any]:
    return {
        "version": __version__,
        "pid": os.getpid(),
        "time": clock(),
        "name": settings.name,
        "url": settings.collector.url,
        "ship": asdict(shipper.state),
        "paused": pump.paused,
        "errors": dict(tailer.errors),
        "redacted": dict(redactor.counts),
    }


async def _report(
    settings: AgentSettings,
    pump: Pump,
    shipper: Shipper,
    redactor: SecretRedactor | NoRedactor,
    tailer: Tailer,
    clock: Clock,
) -> None:
    while True:
        status = _status(settings, pump, shipper, redactor, tailer, clock)
        try:
            await asyncio.to_thread(write_status, settings.state, status)
        except OSError as error:
            log.warning("status_unwritten", error=str(error))
        await asyncio.sleep(settings.status_interval)
