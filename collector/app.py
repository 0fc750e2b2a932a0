"""Builds the collector and runs it: the rooms are joined here and nowhere else."""

import asyncio
import resource
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import aiohttp
from aiohttp import web
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from prometheus_client import CollectorRegistry

from collector.access import Gate, TokenStore, digest_of, issue_agent_token, withdraw_agent_tokens
from collector.agents import AgentDoor, AgentRegistry, AgentStore, AgentTokens
from collector.alert import AlertDesk, AlertStore, Fields
from collector.block import DecodedBlock
from collector.config import STORED_BATCH_BYTES_MAX, CollectorSettings, encode_settings, split_address
from collector.destinations import CheckpointSender
from collector.detect import Engine, RuleSet, group_complaint, value_in
from collector.exposition import (
    add_agent_metrics,
    add_alert_metrics,
    add_destination_metrics,
    add_lag_metric,
    add_notify_metrics,
    add_process_metrics,
    add_rule_metrics,
    add_rule_set_metrics,
    add_store_metrics,
)
from collector.filters import FilterStore
from collector.news import News
from collector.notify import Notifier
from collector.notifying import StoredAlerts
from collector.offsite import read_checkpoints, send_checkpoints
from collector.processes import IndexProcess, QueryPool, Recipe, Roster
from collector.reads import ReadJournal
from collector.receive import Receiver
from collector.refusals import problem_of
from collector.rule_desk import RuleDesk
from collector.rule_keeper import RuleKeeper, in_force
from collector.state import COMPATIBILITY, open_state
from collector.store import (
    Store,
)
from collector.stored_events import flat_event, serve_index, stored_event, tell
from collector.switches import RuleSwitches
from collector.watch import Watch
from collector.web import ServerTls, add_routes, make_application, runner_options
from watchbook.catalogue import Catalogues
from watchbook.clock import Clock, now_us
from watchbook.daemon import Stop, notify_ready
from watchbook.logs import get_logger
from watchbook.memory import settle_memory
from watchbook.watchdog import run_watchdog

log = get_logger("collector")
_BELL_S = 5


class FolderUnusableError(Exception):
    """A file of the data folder cannot be read; the text says which, and what to do."""


@dataclass(frozen=True)
class _Rooms:
    """What was built, in the order in which it is closed from the end."""

    store: Store
    news: News
    alerts: AlertStore
    desk: AlertDesk
    notifier: Notifier
    watch: Watch
    gate: Gate
    pool: QueryPool
    index: IndexProcess
    checkpoints: CheckpointSender
    agents: AgentRegistry
    rules: RuleKeeper


async def run_collector(
    settings: CollectorSettings,
    rules: RuleSet,
    catalogues: Catalogues,
    stop: Stop,
    clock: Clock = now_us,
    load_rules: Callable[[], RuleSet] | None = None,
) -> None:
    """Run until the stop; then drain: no more requests, store what waits, evaluate it, send what is due.

    ``load_rules`` reads the rules again, on SIGHUP or when somebody asks for it; without it they stay as they are.
    """
    raise_file_limit()
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        rooms = await _build(stack, settings, rules, registry, clock, load_rules or (lambda: rules))
        tls = ServerTls(settings.web.tls, registry)
        await tls.load()
        reads = ReadJournal(settings.web.reads, registry, clock)
        app = _face(settings, rooms, catalogues, reads, registry, clock)
        runner = web.AppRunner(app, **runner_options(settings.web))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await _run(stack, settings, rooms, runner, tls, reads, stop)


def raise_file_limit() -> None:
    """Raise the limit of open files to what the system allows: each connection and segment takes some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _build(
    stack: AsyncExitStack,
    settings: CollectorSettings,
    rules: RuleSet,
    registry: CollectorRegistry,
    clock: Clock,
    load_rules: Callable[[], RuleSet],
) -> _Rooms:
    """Build every room; what must be closed is closed by the stack, last built first."""
    connection = await asyncio.to_thread(open_state, settings.state_db)
    listeners: list[Callable[[Sequence[DecodedBlock]], None]] = []

    def on_committed(blocks: Sequence[DecodedBlock]) -> None:
        for listener in listeners:
            listener(blocks)

    store = await Store.open(
        settings.segments,
        settings.store,
        batch_bytes_max=STORED_BATCH_BYTES_MAX,
        clock=clock,
        on_committed=on_committed,
        key_path=settings.checkpoint_key,
    )
    stack.push_async_callback(store.close)
    event_of = partial(flat_event, store)
    alerts = AlertStore(connection, settings.alert, inhibitions=rules.inhibitions, clock=clock)
    stack.callback(alerts.close)
    session = await stack.enter_async_context(aiohttp.ClientSession())
    notifier = await _open_notifier(stack, settings, alerts, store, session, clock)
    switches = RuleSwitches(settings.state_db, COMPATIBILITY)
    switched = await asyncio.to_thread(switches.all)
    engine = Engine(in_force(rules, switched), settings.detect)
    watch = Watch(engine, alerts, store.reader, settings.detect, clock=clock, on_written=notifier.wake)
    stack.push_async_callback(watch.close)
    fields = Fields(group_complaint, value_in)
    desk = AlertDesk(alerts, settings.alert, fields=fields, event_of=event_of, changed=watch.wake, clock=clock)
    keeper = RuleKeeper(
        rules,
        load_rules,
        watch,
        switches,
        switched=switched,
        alerts_since=alerts.opened_since,
        changed=lambda rules: desk.rules_changed(rules.inhibitions),
        clock=clock,
    )
    gate = Gate(TokenStore(settings.state_db, COMPATIBILITY, clock), settings.access, registry, clock)
    stack.push_async_callback(gate.close)
    await gate.refresh()
    agents = await _open_agents(settings, store, gate, clock)
    await watch.start()
    checkpoints = await _open_checkpoints(settings, session, clock)
    roster = Roster()
    registry.register(roster)
    recipe = Recipe(encode_settings(settings), settings.processes)
    index = IndexProcess(recipe, roster, lambda frame: serve_index(store, frame))
    pool = QueryPool(
        recipe,
        roster,
        deadline_s=settings.query.deadline,
        on_damaged=lambda names: index.tell("damaged", segments=names),
    )
    news = News(store.last_number)
    listeners += [watch.committed, lambda _: news.arrived(store.last_number), lambda _: index.tell()]
    listeners.append(add_lag_metric(registry))
    rooms = _Rooms(store, news, alerts, desk, notifier, watch, gate, pool, index, checkpoints, agents, keeper)
    _add_metrics(registry, rooms, settings)
    return rooms


def _add_metrics(registry: CollectorRegistry, rooms: _Rooms, settings: CollectorSettings) -> None:
    add_store_metrics(registry, rooms.store)
    add_alert_metrics(registry, rooms.alerts, rooms.desk)
    add_rule_metrics(registry, rooms.store, rooms.watch)
    add_rule_set_metrics(registry, rooms.rules, settings.detect.costs_max)
    add_notify_metrics(registry, rooms.notifier)
    add_process_metrics(registry, rooms.store, rooms.pool, rooms.index)
    add_destination_metrics(registry, rooms.checkpoints)
    add_agent_metrics(registry, rooms.agents)


async def _open_agents(settings: CollectorSettings, store: Store, gate: Gate, clock: Clock) -> AgentRegistry:
    tokens = AgentTokens(digest_of, issue_agent_token, withdraw_agent_tokens)
    agents = AgentRegistry(
        AgentStore(settings.state_db, COMPATIBILITY, tokens, clock),
        settings.agents,
        own_stream=lambda: store.own_stream,
        tokens_changed=gate.refresh,
        clock=clock,
    )
    await agents.load()
    return agents


async def _open_notifier(
    stack: AsyncExitStack,
    settings: CollectorSettings,
    alerts: AlertStore,
    store: Store,
    session: aiohttp.ClientSession,
    clock: Clock,
) -> Notifier:
    connection = await asyncio.to_thread(open_state, settings.state_db)
    stored = StoredAlerts(alerts)
    notifier = Notifier(
        connection, settings.notify, session, reader=stored, event_of=partial(flat_event, store),
        raise_alerts=stored.raise_alerts, tell=partial(tell, store), clock=clock,
    )  # fmt: skip
    stack.callback(notifier.close)
    return notifier


async def _open_checkpoints(
    settings: CollectorSettings, session: aiohttp.ClientSession, clock: Clock
) -> CheckpointSender:
    folder = settings.segments
    try:
        return await CheckpointSender.open(
            settings.checkpoints, lambda: read_checkpoints(folder), settings.destinations_file, session, clock=clock
        )
    except ValueError as error:
        raise FolderUnusableError(str(error)) from error


async def _room(rooms: _Rooms) -> None:
    """Wait until rules and index have room for more: a sender feels how fast they are."""
    await rooms.watch.room()
    await rooms.index.room(lambda: rooms.store.last_number)


def _face(
    settings: CollectorSettings,
    rooms: _Rooms,
    catalogues: Catalogues,
    reads: ReadJournal,
    registry: CollectorRegistry,
    clock: Clock,
) -> web.Application:
    """Return the application with the routes of all rooms."""
    app = make_application(
        registry,
        body_bytes_max=settings.receive.body_bytes_max,
        middlewares=[rooms.gate.middleware()],
        settings=settings.web,
        note_read=reads.note if settings.web.reads.log else None,
    )
    store = rooms.store
    receiver = Receiver(
        settings.receive,
        append=store.append,
        own_stream=lambda: store.own_stream,
        authorise=lambda request: rooms.gate.authorise(request, "ingest"),
        translate=problem_of,
        clock=clock,
        registry=registry,
        room=lambda: _room(rooms),
        senders=rooms.agents,
        stored_event=partial(stored_event, store),
    )
    receiver.add_routes(app)
    AgentDoor(
        rooms.agents,
        settings.agents,
        authorise=lambda request: rooms.gate.authorise(request, "ingest"),
        clock=clock,
        registry=registry,
    ).add_routes(app)
    add_routes(
        app,
        settings.web,
        answerer=rooms.pool,
        news=rooms.news,
        run_alone=rooms.pool.run_alone,
        scratch=settings.data / "exports",
        filters=FilterStore(settings.state_db, COMPATIBILITY, settings.filters, clock),
        alerts=rooms.desk,
        notifications=rooms.notifier.desk,
        agents=rooms.agents,
        rules=rooms.rules,
        rule_desk=RuleDesk(rooms.rules, rooms.watch, store.reader.event, rooms.pool.ask),
        authorise=rooms.gate.authorise,
        registry=registry,
        readiness={
            "store": lambda: _not_ready(store, settings),
            "query": rooms.pool.not_ready,
            "index": rooms.index.not_ready,
        },
        catalogues=catalogues,
    )
    return app


async def _run(
    stack: AsyncExitStack,
    settings: CollectorSettings,
    rooms: _Rooms,
    runner: web.AppRunner,
    tls: ServerTls,
    reads: ReadJournal,
    stop: Stop,
) -> None:
    """Serve until the stop; then end one room after the other, those that others need last."""
    store, watch, pool, index = rooms.store, rooms.watch, rooms.pool, rooms.index
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch.run(watch_stop := Stop()))
        tasks.create_task(rooms.gate.run(stop))
        sending = tasks.create_task(rooms.notifier.run(send_stop := asyncio.Event()))
        tasks.create_task(send_checkpoints(rooms.checkpoints, store, send_stop))
        ruling = tasks.create_task(rooms.rules.run(stop, partial(tell, store)))
        registering = tasks.create_task(rooms.agents.run(stop, partial(tell, store)))
        responding = tasks.create_task(rooms.desk.run(stop, partial(tell, store)))
        journal = tasks.create_task(reads.run(reads_stop := Stop(), partial(tell, store)))
        tasks.create_task(pool.run())
        indexing = tasks.create_task(index.run())
        stack.callback(_start_bells(settings, rooms).shutdown, wait=False)
        host, port = split_address(settings.listen)
        await web.TCPSite(runner, host, port, ssl_context=tls.context).start()
        tasks.create_task(tls.run(stop))
        log.info("collector_started", listen=settings.listen, rules=watch.rules, events=store.last_number)
        settle_memory()
        notify_ready()
        watchdog = tasks.create_task(
            run_watchdog({"writer": store.busy_s, "rules": watch.steps.busy_s}, lambda: _summary(store, rooms.rules))
        )
        await stop.asked.wait()
        await runner.cleanup()
        reads_stop.asked.set()
        await journal
        await registering
        await ruling
        await responding
        pool.close()
        index.close()
        await indexing
        watch_stop.asked.set()
        watch.ring()
        await watching
        send_stop.set()
        await sending
        watchdog.cancel()
    log.info("collector_stopped", events=store.last_number)


def _start_bells(settings: CollectorSettings, rooms: _Rooms) -> AsyncIOScheduler:
    """Ring what must happen without an event: a job only sets a flag, the work is a supervised task's."""
    bells = AsyncIOScheduler(job_defaults={"coalesce": True, "misfire_grace_time": None})
    bells.add_job(rooms.watch.ring, "interval", seconds=_BELL_S)
    bells.add_job(rooms.index.tell, "interval", ("bell",), seconds=settings.retention.every)
    bells.add_job(rooms.checkpoints.wake, "interval", seconds=settings.checkpoints.every)
    bells.start()
    return bells


def _summary(store: Store, rules: RuleKeeper) -> str:
    """Return one line for ``systemctl status``."""
    text = f"{store.last_number} events stored, {store.waiting} batches wait for the disk"
    text = "; ".join([text, *rules.problems])
    return text if store.failing is None else f"{text}; the store cannot write: {store.failing}"


def _not_ready(store: Store, settings: CollectorSettings) -> str | None:
    if store.failing is not None:
        return store.failing
    if store.waiting >= settings.store.waiting_batches_max:
        return f"{store.waiting} batches wait for the disk"
    return None
