"""Builds the agent and runs it: the rooms are joined here and nowhere else."""

import asyncio
import resource
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from agent.batch import Builder
from agent.config import AgentSettings
from agent.frame import Frame
from agent.heartbeat import Heartbeat, describe_agent
from agent.journal import make_journal, salvage_event
from agent.listen import Inlet, Listener
from agent.profile import Definition
from agent.pump import Pump, Route
from agent.receiving import Receiving
from agent.redact import make_redactor
from agent.reload import Reloads
from agent.reporting import keep_status, metrics_server, status_of
from agent.routes import Plan, make_plan
from agent.ship import Session, Shipper, ShipState
from agent.spool import Backlog, Mark, Spool, SpoolError, open_spool
from agent.status import read_status, summary, write_status
from agent.tail import Tailer, Waker
from watchbook.clock import Clock, format_rfc3339, now_us, process_start_us
from watchbook.daemon import Stop, Turn, notify_ready
from watchbook.logs import get_logger, set_log_level, set_log_redaction
from watchbook.memory import keep_giving_back_memory, settle_memory
from watchbook.watchdog import Answers, run_watchdog

log = get_logger("agent")


class Running(NamedTuple):
    """What a guest needs of a running agent."""

    inlet: Inlet
    backlog: Backlog
    shipping: ShipState


class Guest(Protocol):
    """Brings lines of its own into an agent, and may ask for the stop."""

    name: str

    def enter(self, running: Running) -> Listener:
        """Return what receives its lines."""
        ...

    async def accompany(self) -> None:
        """Run beside the agent; cancelled when it ends."""
        ...


async def run_agent(
    settings: AgentSettings,
    profiles: Mapping[str, Definition],
    stop: Stop,
    clock: Clock = now_us,
    *,
    path: Path | None = None,
    guest: Guest | None = None,
) -> None:
    """Run until the stop is asked for: tail, spool, ship; then commit what is in hand and send what can be sent.

    When the file at ``path`` is read again (SIGHUP) and is good, the agent drains its commits and goes on with what the
    file says, as a restart would, but with the spool, the log files and the listeners of unchanged inputs kept open.
    """
    _allow_open_files()
    loop = asyncio.get_running_loop()
    plan = make_plan(settings, profiles)
    del profiles  # most of them are not used; a reload reads them again
    async with AsyncExitStack() as stack:
        worker = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="spool"))
        spool, salvaged = await loop.run_in_executor(
            worker, lambda: open_spool(settings.state, clock, process_start_us(), settings.spool.reserve_bytes)
        )
        stack.push_async_callback(loop.run_in_executor, worker, spool.close)
        inlet = Inlet(settings.listen.bytes_max, lambda: None)
        stack.callback(inlet.close)
        reloads = Reloads(path, stop, clock)
        # Read once before there is a task group: the error of a file that is damaged is to leave as it is.
        await loop.run_in_executor(worker, _stored, spool)
        async with asyncio.TaskGroup() as tasks:
            frame = Frame(
                worker, spool, inlet, Receiving(inlet, tasks), reloads, stop, clock, format_rfc3339(clock()),
                process_start_us(), tasks, settings, salvaged,
            )  # fmt: skip
            stack.callback(frame.close_files)
            running: AgentSettings | None = None
            following: tuple[Plan, int] | None = (plan, frame.since_us)
            while following is not None:
                plan, frame.since_us = following
                before, running = running, plan.settings
                following = await _run(plan, before, frame, guest)
            await frame.end_metrics()


async def _run(plan: Plan, before: AgentSettings | None, frame: Frame, guest: Guest | None) -> tuple[Plan, int] | None:
    """Run with one configuration, in place of ``before``; return what follows, None when the agent is to end."""
    settings, routes, redactors = plan
    loop = asyncio.get_running_loop()
    worker, spool, clock, turn = frame.worker, frame.spool, frame.clock, Turn(frame.stop)
    frame.stop.drain = settings.drain_timeout
    set_log_level(settings.log_level)
    stored = await loop.run_in_executor(worker, _stored, spool)
    own_words = make_redactor(settings.redact)  # what a command or a sender said may be among them
    set_log_redaction(own_words.value)
    for name, redactor in redactors.items():
        redactor.counts.update(frame.redacted.get(name, {}))
    tailer, waker, backlog, pump = _reading(settings, routes, stored, frame)
    async with Session() as session:
        journal = make_journal(spool, backlog, worker, pump.add_event, clock)
        shipper = Shipper(settings.collector, session, journal, clock=clock, last_used=stored.collector)
        shipper.carry_on(frame.shipped)

        def status() -> dict[str, Any]:
            return status_of(settings, pump, shipper, heartbeat.state, redactors, own_words.value, frame)

        def describe() -> Any:
            said = status()
            behind = [track for track in list(tailer.tracks.values()) if track.size > track.offset and track.is_read]
            report = partial(read_status, settings.state, clock(), said, behind)
            return describe_agent(said, settings.host, frame.began, report)

        heartbeat = Heartbeat(settings.heartbeat_interval, describe, shipper.tell)
        await frame.serve_metrics(settings, status, partial(metrics_server, settings.metrics, frame))
        parts = {"pump": pump.steps.busy_s, "spool worker": Answers(worker).busy_s}
        settle_memory()
        async with asyncio.TaskGroup() as tasks:
            beside = [
                waker.run(),
                turn.follow(),
                _wake_at_stop(turn, waker),
                shipper.run(),
                keep_status(settings, status, frame.reloads.news),
                keep_giving_back_memory(),
                run_watchdog(parts, lambda: summary(shipper.report(), spool.batches, pump.paused)),
                # A guest's lines are sent under the name of the agent, which speaks for itself.
                heartbeat.run() if guest is None else guest.accompany(),
            ]
            if guest is not None:
                frame.receiving.add(guest.name, guest.enter(Running(frame.inlet, backlog, shipper.state)))
            background = [tasks.create_task(each) for each in beside]
            reloading = tasks.create_task(_end_at_reload(frame.reloads, settings, turn))
            _say_begun(before, settings, frame)
            frame.receiving.start(settings, stored.marks)
            await pump.run(turn)
            following = reloading.result() if reloading.done() and not frame.stop.asked.is_set() else None
            await frame.receiving.stop(
                following and following[0].settings, partial(pump.finish, turn), settings.drain_timeout
            )
            if following is None:
                await _send_the_rest(backlog, shipper, settings.drain_timeout / 2)
            with suppress(SpoolError):  # what was sent is dropped; if not, the collector knows it already
                await pump.finish(turn)
            for task in (*background, reloading):
                task.cancel()
        frame.shipped = shipper.state
        frame.redacted |= {name: redactor.counts for name, redactor in redactors.items()}
        await loop.run_in_executor(worker, _drop_sent, spool, shipper.url, backlog.acknowledged)
        if following is None:
            if guest is None:
                await heartbeat.say_goodbye(settings.drain_timeout / 4)
            await loop.run_in_executor(worker, write_status, settings.state, status() | {"stopped": True})
            log.info("agent_stopped", sent_events=shipper.state.events, unsent_batches=spool.batches)
    return following


def _say_begun(before: AgentSettings | None, settings: AgentSettings, frame: Frame) -> None:
    """Say that the agent runs, or runs with other settings."""
    if before is None:
        log.info("agent_started", name=settings.name, inputs=len(settings.inputs), unsent=frame.spool.batches)
        notify_ready()
    else:
        frame.reloads.took_effect(before, settings, frame.since_us)


class _Stored(NamedTuple):
    """Where the agent is, as its spool says."""

    positions: list[bytes]
    started: list[str]
    last: int
    acknowledged: Mark
    marks: dict[str, bytes]
    collector: str | None


def _stored(spool: Spool) -> _Stored:
    positions, started, last = spool.positions(), spool.started(), spool.last_sequence()
    return _Stored(positions, started, last, spool.acknowledged(), spool.marks(), spool.collector())


class _Reading(NamedTuple):
    """What brings lines into the spool, and out of it again."""

    tailer: Tailer
    waker: Waker
    backlog: Backlog
    pump: Pump


def _reading(settings: AgentSettings, routes: Mapping[str, Route], stored: _Stored, frame: Frame) -> _Reading:
    loop = asyncio.get_running_loop()
    spool, worker, clock = frame.spool, frame.worker, frame.clock
    tailer = frame.tailer = Tailer(
        settings.input_files(),
        settings.tail,
        clock=clock,
        # A pattern added to a running set begins with this start, the first patterns with the first start of all.
        since_us=frame.since_us if stored.started else spool.first_start,
        documents=stored.positions,
        started=stored.started,
        after=frame.tailer,
    )
    waker = Waker(settings.tail, tailer.folders)
    frame.inlet.rewire(waker.wake, settings.listen.bytes_max)
    backlog = Backlog(
        lambda after, limit: loop.run_in_executor(worker, spool.after, after, limit),
        last_stored=stored.last,
        acknowledged=stored.acknowledged,
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
    if frame.salvaged is not None:
        pump.add_event(salvage_event(frame.salvaged))
        frame.salvaged = None
    return _Reading(tailer, waker, backlog, pump)


async def _end_at_reload(reloads: Reloads, running: AgentSettings, turn: Turn) -> tuple[Plan, int]:
    following = await reloads.next_plan(running)
    turn.asked.set()
    return following


def _allow_open_files() -> None:
    """Raise the soft limit of open files to the hard one: every followed file is held open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


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


def _drop_sent(spool: Spool, url: str, acknowledged: Mark) -> None:
    """Drop what was sent: the next run, or the next start, may send to a collector that does not know it."""
    try:
        spool.change_collector(url, acknowledged)
    except SpoolError as error:
        log.warning("sent_kept", error=str(error), reason="it is sent again after the next start, and known there")
