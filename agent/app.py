"""Builds the agent and runs it: the rooms are joined here and nowhere else."""

import asyncio
import contextlib
import os
import resource
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any, NamedTuple, Protocol

from agent.batch import Builder, Origin
from agent.config import AgentSettings
from agent.heartbeat import Heartbeat, describe_agent
from agent.journal import make_journal, salvage_event
from agent.listen import Hook, Inlet, Listener, make_listener
from agent.parse import FORMATS
from agent.profile import Definition, compile_profile
from agent.pump import Pump, Route
from agent.redact import NoRedactor, SecretRedactor, make_redactor
from agent.ship import Shipper, ShipState, make_session
from agent.spool import Backlog, Mark, Spool, SpoolError, open_spool
from agent.status import read_status, summary, write_status
from agent.tail import Tailer, Waker
from watchbook import __version__
from watchbook.clock import Clock, format_rfc3339, now_us, process_start_us
from watchbook.daemon import Stop, notify_ready, settle_memory
from watchbook.logs import get_logger
from watchbook.watchdog import Answers, run_watchdog

log = get_logger("agent")
_FINISH_S = 0.02


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
    guest: Guest | None = None,
) -> None:
    """Run until the stop is asked for: tail, spool, ship; then commit what is in hand and send what can be sent."""
    _allow_open_files()
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        worker = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="spool"))
        spool, salvaged = await loop.run_in_executor(
            worker, lambda: open_spool(settings.state, clock, process_start_us())
        )
        stack.push_async_callback(loop.run_in_executor, worker, spool.close)
        documents, started, last, sent = await loop.run_in_executor(
            worker, lambda: (spool.positions(), spool.started(), spool.last_sequence(), spool.acknowledged())
        )
        last_used = await loop.run_in_executor(worker, spool.collector)
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
        inlet = Inlet(settings.listen.bytes_max, waker.wake)
        stack.callback(inlet.close)
        listeners = _listeners(settings, inlet, await loop.run_in_executor(worker, spool.marks))
        backlog = Backlog(
            lambda after, limit: loop.run_in_executor(worker, spool.after, after, limit),
            last_stored=last,
            acknowledged=sent,
            memory_bytes_max=settings.spool.memory_bytes_max,
        )
        pump = Pump(
            tailer=tailer,
            waker=waker,
            inlet=inlet,
            routes=_routes(settings, profiles, redactor),
            builder=Builder(settings.batch),
            spool=spool,
            backlog=backlog,
            worker=worker,
            tail=settings.tail,
            spool_bytes_max=settings.spool.bytes_max,
            clock=clock,
        )
        if salvaged is not None:
            pump.add_event(salvage_event(salvaged))
        session = await stack.enter_async_context(make_session())
        journal = make_journal(spool, backlog, worker, pump.add_event, clock)
        shipper = Shipper(settings.collector, session, journal, clock=clock, last_used=last_used)

        def status() -> dict[str, Any]:
            found = _status(settings, pump, shipper, redactor, tailer, listeners, clock)
            return found | {"heartbeat": asdict(heartbeat.state)}

        began = format_rfc3339(clock())
        heartbeat = Heartbeat(
            settings.heartbeat_interval,
            lambda: describe_agent(status(), settings.host, began, lambda: read_status(settings.state, clock())),
            shipper.tell,
        )
        if guest is not None:
            listeners[guest.name] = guest.enter(Running(inlet, backlog, shipper.state))
        settle_memory()

        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(waker.run()),
                tasks.create_task(_wake_at_stop(stop, waker)),
                tasks.create_task(shipper.run()),
                tasks.create_task(_report(settings, status)),
                tasks.create_task(heartbeat.run()),
                tasks.create_task(
                    run_watchdog(
                        {"pump": pump.steps.busy_s, "spool worker": Answers(worker).busy_s},
                        lambda: summary(shipper.report(), spool.batches, pump.paused),
                    )
                ),
            ]
            if guest is not None:
                background.append(tasks.create_task(guest.accompany()))
            log.info("agent_started", name=settings.name, inputs=len(settings.inputs), unsent=spool.batches)
            notify_ready()
            listening = [tasks.create_task(listener.run()) for listener in listeners.values()]
            await pump.run(stop)
            await _stop_listening(listeners.values(), listening, pump, stop)
            await _send_the_rest(backlog, shipper, settings.drain_timeout / 2)
            with contextlib.suppress(SpoolError):  # what was sent is dropped; if not, the collector knows it already
                await pump.finish(stop)
            for task in background:
                task.cancel()
        await loop.run_in_executor(worker, _drop_sent, spool, shipper.url, backlog.acknowledged)
        await heartbeat.say_goodbye(settings.drain_timeout / 4)
        await loop.run_in_executor(worker, write_status, settings.state, status() | {"stopped": True})
        log.info("agent_stopped", sent_events=shipper.state.events, unsent_batches=spool.batches)


def _listeners(settings: AgentSettings, inlet: Inlet, marks: Mapping[str, bytes]) -> dict[str, Listener]:
    """Return what receives the lines of the inputs that are no files, by the name that the status gives it."""
    received = [(each.name, each.received) for each in settings.inputs if each.received is not None]
    listeners = {name: make_listener(name, source, inlet, marks.get(name)) for name, source in received}
    hooks = [listener for listener in listeners.values() if isinstance(listener, Hook)]
    if hooks:
        from agent.listen.hook_server import HookServer  # brings aiohttp's server

        listeners["hooks.listen"] = HookServer(settings.hooks, hooks)
    return listeners


async def _stop_listening(
    listeners: Iterable[Listener], listening: Sequence[asyncio.Task[None]], pump: Pump, stop: Stop
) -> None:
    """Accept nothing new, and commit what is still on its way in: whoever sent it may be waiting for that."""
    for listener in listeners:
        listener.stop()
    waiting = set(listening)
    while waiting:
        _, waiting = await asyncio.wait(waiting, timeout=_FINISH_S)
        await pump.finish(stop)
    await pump.finish(stop)


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
    """Drop what was sent during the stop: with the next start it may go to a collector that does not know it."""
    try:
        spool.change_collector(url, acknowledged)
    except SpoolError as error:
        log.warning("sent_kept", error=str(error), reason="it is sent again after the next start, and known there")


def _status(
    settings: AgentSettings,
    pump: Pump,
    shipper: Shipper,
    redactor: SecretRedactor | NoRedactor,
    tailer: Tailer,
    listeners: Mapping[str, Listener],
    clock: Clock,
) -> dict[str, Any]:
    return {
        "version": __version__,
        "pid": os.getpid(),
        "time": clock(),
        "name": settings.name,
        "url": shipper.url,
        "ship": shipper.report(),
        "paused": pump.paused,
        "errors": dict(tailer.errors),
        "listeners": {name: dict(listener.state) for name, listener in listeners.items()},
        "redacted": dict(redactor.counts),
    }


async def _report(settings: AgentSettings, status: Callable[[], Mapping[str, Any]]) -> None:
    while True:
        try:
            await asyncio.to_thread(write_status, settings.state, status())
        except OSError as error:
            log.warning("status_unwritten", error=str(error))
        await asyncio.sleep(settings.status_interval)
