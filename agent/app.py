"""Builds the agent and runs it: the rooms are joined here and nowhere else."""

import asyncio
import os
import resource
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from agent.batch import Builder
from agent.config import AgentSettings
from agent.health import FileHealth
from agent.listen import Inlet
from agent.metrics import MetricsServer, MetricsSettings, render
from agent.profile import Definition
from agent.pump import Pump
from agent.receiving import Receiving
from agent.redact import NoRedactor, SecretRedactor
from agent.reload import Reloads
from agent.routes import Plan, make_plan
from agent.ship import Journal, Shipper, ShipState
from agent.spool import Backlog, Mark, Spool, SpoolError
from agent.status import read_status, write_status
from agent.tail import Tailer, Waker
from watchbook import __version__
from watchbook.clock import Clock, now_us, process_start_us
from watchbook.daemon import Stop, Turn, notify_systemd, settle_memory
from watchbook.logs import RepeatedFailure, get_logger, set_log_level

log = get_logger("agent")
_BATCH_BYTES_MAX = 256 << 20


@dataclass
class _Frame:
    """What stays while the agent is built anew: the spool, what is being received, and what has been counted."""

    worker: ThreadPoolExecutor
    spool: Spool
    inlet: Inlet
    receiving: Receiving
    reloads: Reloads
    stop: Stop
    clock: Clock
    since_us: int
    tasks: asyncio.TaskGroup
    settings: AgentSettings
    status: Callable[[], dict[str, Any]] = dict
    health: FileHealth = field(default_factory=FileHealth)
    tailer: Tailer | None = None
    metrics: MetricsServer | None = None
    serving: asyncio.Task[None] | None = None
    shipped: ShipState = field(default_factory=ShipState)
    redacted: Counter[str] = field(default_factory=Counter)

    async def serve_metrics(self, settings: AgentSettings, status: Callable[[], dict[str, Any]]) -> None:
        """Answer with what ``status`` says from now on; a port that is asked for as before stays open."""
        if self.metrics is None or settings.metrics != self.settings.metrics:
            await self.end_metrics()
            self.metrics = _metrics(settings.metrics, self)
            self.serving = self.tasks.create_task(self.metrics.run())
        self.settings, self.status = settings, status

    async def end_metrics(self) -> None:
        """Close the port."""
        if self.serving is not None:
            self.serving.cancel()
            await asyncio.wait([self.serving])

    def close_files(self) -> None:
        """Close the log files."""
        if self.tailer is not None:
            self.tailer.close()


async def run_agent(
    settings: AgentSettings,
    profiles: Mapping[str, Definition],
    stop: Stop,
    clock: Clock = now_us,
    *,
    path: Path | None = None,
) -> None:
    """Run until the stop is asked for: tail, spool, ship; then commit what is in hand and send what can be sent.

    When the file at ``path`` is read again (SIGHUP) and is good, the agent drains its commits and goes on with what the
    file says, as a restart would, but with the spool, the log files and the listeners of unchanged inputs kept open.
    """
    _allow_open_files()
    loop = asyncio.get_running_loop()
    plan = make_plan(settings, profiles)
    async with AsyncExitStack() as stack:
        worker = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="spool"))
        spool = await loop.run_in_executor(worker, lambda: Spool(settings.state, clock, process_start_us()))
        stack.push_async_callback(loop.run_in_executor, worker, spool.close)
        inlet = Inlet(settings.listen.bytes_max, lambda: None)
        stack.callback(inlet.close)
        reloads = Reloads(path, stop, clock)
        # Read once before there is a task group: the error of a file that is damaged is to leave as it is.
        await loop.run_in_executor(worker, _stored, spool)
        async with asyncio.TaskGroup() as tasks:
            receiving = Receiving(inlet, tasks)
            frame = _Frame(worker, spool, inlet, receiving, reloads, stop, clock, process_start_us(), tasks, settings)
            stack.callback(frame.close_files)
            running: AgentSettings | None = None
            following: tuple[Plan, int] | None = (plan, frame.since_us)
            while following is not None:
                plan, frame.since_us = following
                before, running = running, plan.settings
                following = await _run(plan, before, frame)
            await frame.end_metrics()


async def _run(plan: Plan, before: AgentSettings | None, frame: _Frame) -> tuple[Plan, int] | None:
    """Run with one configuration; return the one that follows, None when the agent is to end.

    ``before`` are the settings that it takes the place of.
    """
    settings, routes, redactor = plan
    loop = asyncio.get_running_loop()
    worker, spool, clock, turn = frame.worker, frame.spool, frame.clock, Turn(frame.stop)
    frame.stop.drain = settings.drain_timeout
    set_log_level(settings.log_level)
    documents, started, last, sent, marks = await loop.run_in_executor(worker, _stored, spool)
    redactor.counts.update(frame.redacted)
    tailer = Tailer(
        settings.input_files(),
        settings.tail,
        clock=clock,
        # A pattern added to a running set begins with this start, the first patterns with the first start of all.
        since_us=frame.since_us if started else spool.first_start,
        documents=documents,
        started=started,
        after=frame.tailer,
    )
    frame.tailer = tailer
    waker = Waker(settings.tail, tailer.folders)
    frame.inlet.rewire(waker.wake, settings.listen.bytes_max)
    backlog = Backlog(
        lambda after, limit: loop.run_in_executor(worker, spool.after, after, limit),
        last_stored=last,
        acknowledged=sent,
        memory_bytes_max=settings.spool.memory_bytes_max,
    )
    pump = Pump(
        tailer=tailer,
        waker=waker,
        inlet=frame.inlet,
        routes=routes,
        builder=Builder(settings.batch),
        spool=spool,
        backlog=backlog,
        worker=worker,
        tail=settings.tail,
        spool_bytes_max=settings.spool.bytes_max,
        clock=clock,
    )
    async with aiohttp.ClientSession(auto_decompress=True) as session:
        shipper = Shipper(settings.collector, session, _journal(spool, backlog, pump, worker), clock=clock)
        shipper.state = replace(frame.shipped, state="starting", last_error=None)
        status = partial(_status, settings, pump, shipper, redactor, frame)
        await frame.serve_metrics(settings, status)
        settle_memory()

        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(waker.run()),
                tasks.create_task(turn.follow()),
                tasks.create_task(_wake_at_stop(turn, waker)),
                tasks.create_task(shipper.run()),
                tasks.create_task(_report(settings, status, frame.reloads.news)),
            ]
            reloading = tasks.create_task(_end_at_reload(frame.reloads, settings, turn))
            if before is None:
                log.info("agent_started", name=settings.name, inputs=len(settings.inputs), unsent=spool.batches)
                notify_systemd("READY=1")
            else:
                frame.reloads.took_effect(before, settings, frame.since_us)
            frame.receiving.start(settings, marks)
            await pump.run(turn)
            following = reloading.result() if reloading.done() and not frame.stop.asked.is_set() else None
            await frame.receiving.stop(
                following and following[0].settings, partial(pump.finish, turn), settings.drain_timeout
            )
            if following is None:
                await _send_the_rest(backlog, shipper, settings.drain_timeout / 2)
            for task in (*background, reloading):
                task.cancel()
    frame.shipped, frame.redacted = shipper.state, redactor.counts
    if following is not None:
        await pump.finish(turn)  # what was acknowledged meanwhile
    else:
        await loop.run_in_executor(worker, write_status, settings.state, status() | {"stopped": True})
        log.info("agent_stopped", sent_events=shipper.state.events, unsent_batches=spool.batches)
    return following


def _stored(spool: Spool) -> tuple[list[bytes], list[str], int, Mark, dict[str, bytes]]:
    """Return where the agent is: positions, patterns started, last sequence, what was acknowledged, marks of inputs."""
    return spool.positions(), spool.started(), spool.last_sequence(), spool.acknowledged(), spool.marks()


async def _end_at_reload(reloads: Reloads, running: AgentSettings, turn: Turn) -> tuple[Plan, int]:
    following = await reloads.next_plan(running)
    turn.asked.set()
    return following


def _allow_open_files() -> None:
    """Raise the soft limit of open files to the hard one: every followed file is held open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


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
    settings: AgentSettings, pump: Pump, shipper: Shipper, redactor: SecretRedactor | NoRedactor, frame: _Frame
) -> dict[str, Any]:
    now, tailer, errors = frame.clock(), frame.tailer, {}
    if tailer is not None:
        errors = dict(tailer.errors)
        frame.health.note([track for track in list(tailer.tracks.values()) if track.is_read], errors, now)
    return {
        "version": __version__,
        "pid": os.getpid(),
        "time": now,
        "name": settings.name,
        "url": settings.collector.url,
        "ship": asdict(shipper.state),
        "paused": pump.paused,
        "errors": errors,
        "redacted": dict(redactor.counts),
        "reload": frame.reloads.last,
        "reloads": {"succeeded": frame.reloads.succeeded, "failed": frame.reloads.failed},
        "listeners": frame.receiving.states(),
        "metrics_error": frame.metrics and frame.metrics.error,
        **frame.health.report(now),
    }


def _metrics(settings: MetricsSettings, frame: _Frame) -> MetricsServer:
    """Return what answers Prometheus and health checks, with what ``watchbook agent status`` would show now."""

    def report() -> Awaitable[dict[str, Any]]:
        return asyncio.to_thread(read_status, frame.settings.state, frame.clock(), frame.status())

    async def exposition() -> str:
        from agent.exposition import families_of

        families = families_of(
            await report(), files_max=settings.files_max, spool_bytes_max=frame.settings.spool.bytes_max
        )
        return await asyncio.to_thread(lambda: render(families))

    async def problems() -> Sequence[str]:
        try:
            return list((await report())["problems"])
        except SpoolError as error:
            return [f"the spool cannot be read: {error}"]

    return MetricsServer(settings, exposition, problems, frame.clock)


async def _report(settings: AgentSettings, status: Callable[[], dict[str, Any]], news: asyncio.Event) -> None:
    failure = RepeatedFailure(log.warning, "status_write")
    while True:
        news.clear()
        try:
            await asyncio.to_thread(write_status, settings.state, status())
            failure.succeeded()
        except OSError as error:
            failure.failed(str(error))
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.status_interval):
                await news.wait()
