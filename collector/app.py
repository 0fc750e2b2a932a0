"""Builds the collector and runs it: the rooms are joined here and nowhere else."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

import aiohttp
from aiohttp import web
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from prometheus_client import CollectorRegistry

from collector.access import Gate, TokenStore
from collector.alert import AlertSettings, AlertStore, Sender
from collector.block import DecodedBlock
from collector.config import CollectorSettings, split_address
from collector.detect import Engine, RuleSet
from collector.metrics import add_counters, add_gauge
from collector.query import Searcher
from collector.receive import Receiver
from collector.refusals import problem_of
from collector.state import COMPATIBILITY, open_state
from collector.store import Store
from collector.watch import Watch
from collector.web import add_routes, make_application, runner_options
from watchbook.clock import Clock, now_us
from watchbook.daemon import Stop, notify_systemd, settle_memory
from watchbook.event import parse_event_id
from watchbook.logs import get_logger

log = get_logger("collector")
_BELL_S = 5
#: Whatever 'receive.batch_bytes_max' says today, what was taken under a larger limit stays readable.
_STORED_BATCH_BYTES_MAX = 1 << 30


async def run_collector(settings: CollectorSettings, rules: RuleSet, stop: Stop, clock: Clock = now_us) -> None:
    """Run until the stop; then drain: no more requests, store what waits, evaluate it, send what is due."""
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        connection = await asyncio.to_thread(open_state, settings.state_db)
        listeners: list[Callable[[Sequence[DecodedBlock]], None]] = []

        def on_committed(blocks: Sequence[DecodedBlock]) -> None:
            for listener in listeners:
                listener(blocks)

        store = await Store.open(
            settings.segments,
            settings.store,
            batch_bytes_max=_STORED_BATCH_BYTES_MAX,
            clock=clock,
            on_committed=on_committed,
        )
        stack.push_async_callback(store.close)
        searcher = Searcher(store.reader, settings.query, registry, clock)
        stack.push_async_callback(searcher.close)
        alerting = AlertSettings(**vars(settings.alert), notify=settings.notify)
        alerts = AlertStore(connection, alerting, lambda identifier: _flat_event(store, identifier))
        stack.callback(alerts.close)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        sender = Sender(alerts.outbox, alerting, session, clock=clock)
        engine = Engine(rules, settings.detect)
        watch = Watch(engine, alerts, store.reader, clock=clock, on_written=sender.wake)
        stack.push_async_callback(watch.close)
        listeners.append(watch.committed)
        gate = Gate(TokenStore(settings.state_db, COMPATIBILITY, clock), settings.access, registry, clock)
        stack.push_async_callback(gate.close)
        await gate.refresh()
        await watch.start()
        _add_metrics(registry, store, watch, engine, alerts, sender)

        app = make_application(
            registry, body_bytes_max=settings.receive.body_bytes_max, middlewares=[gate.middleware()]
        )
        receiver = Receiver(
            settings.receive,
            append=store.append,
            own_stream=lambda: store.own_stream,
            authorise=lambda request: gate.authorise(request, "ingest").name,
            translate=problem_of,
            clock=clock,
            registry=registry,
        )
        receiver.add_routes(app)
        add_routes(
            app,
            settings.web,
            searcher=searcher,
            alerts=alerts,
            authorise=gate.authorise,
            registry=registry,
            readiness={"store": lambda: _not_ready(store, settings)},
        )
        runner = web.AppRunner(app, **runner_options(settings.web))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)

        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watch.run(watch_stop := Stop()))
            tasks.create_task(gate.run(stop))
            sending = tasks.create_task(sender.run(send_stop := asyncio.Event()))
            stack.callback(_start_bells(watch).shutdown, wait=False)
            host, port = split_address(settings.listen)
            await web.TCPSite(runner, host, port).start()
            log.info("collector_started", listen=settings.listen, rules=len(rules.rules), events=store.last_number)
            settle_memory()
            notify_systemd("READY=1")
            await stop.asked.wait()
            await runner.cleanup()
            watch_stop.asked.set()
            watch.ring()
            await watching
            send_stop.set()
            await sending
        log.info("collector_stopped", events=store.last_number)


def _start_bells(watch: Watch) -> AsyncIOScheduler:
    """Ring what must happen without an event: a job only sets a flag, the work is a supervised task's."""
    bells = AsyncIOScheduler()
    bells.add_job(watch.ring, "interval", seconds=_BELL_S, coalesce=True, misfire_grace_time=None)
    bells.start()
    return bells


def _flat_event(store: Store, identifier: str) -> Mapping[str, Any] | None:
    """Return one event in flat form; blocks, for the rules' thread."""
    stream, sequence, index = parse_event_id(identifier)
    info = store.reader.find(stream, sequence)
    try:
        return None if info is None else store.reader.read(info).batch.event(index)
    except KeyError:
        return None


def _not_ready(store: Store, settings: CollectorSettings) -> str | None:
    if store.failing is not None:
        return store.failing
    if store.waiting >= settings.store.waiting_batches_max:
        return f"{store.waiting} batches wait for the disk"
    return None


def _add_metrics(
    registry: CollectorRegistry, store: Store, watch: Watch, engine: Engine, alerts: AlertStore, sender: Sender
) -> None:
    add_gauge(registry, "watchbook_store_waiting_batches", "Batches that wait for the writer.", lambda: store.waiting)
    add_gauge(registry, "watchbook_store_failing", "1 when the last commit failed.", lambda: store.failing is not None)
    add_gauge(registry, "watchbook_store_events", "Events ever stored.", lambda: store.last_number)
    add_gauge(
        registry,
        "watchbook_rules_behind_events",
        "Stored events that the rules have not read yet.",
        lambda: max(0, store.last_number - watch.read_up_to),
    )
    add_gauge(
        registry,
        "watchbook_rules_failed_blocks",
        "Blocks since the start that the rules could not read or evaluate; their events raise no alerts.",
        lambda: watch.failed_blocks,
    )
    add_gauge(
        registry, "watchbook_rules_state_events", "Events in the windows of all rules.", lambda: engine.state_events
    )
    add_gauge(registry, "watchbook_rules_state_groups", "Groups that rules remember.", lambda: engine.state_groups)
    add_counters(
        registry,
        "watchbook_rule",
        "What a rule did since the start: matched, missing_group, late, too_late, evicted, opened, resolved …",
        ("rule", "what"),
        lambda: [
            ((rule, what), n) for rule, counters in engine.counters.items() for what, n in asdict(counters).items()
        ],
    )
    add_counters(
        registry,
        "watchbook_notifications",
        "Notifications since the start: sent, and attempts that failed.",
        ("channel", "what"),
        lambda: [
            ((name, what), getattr(counters, what))
            for name, counters in sender.counters.items()
            for what in ("sent", "failed")
        ],
    )
    add_gauge(
        registry,
        "watchbook_notifications_waiting",
        "Notifications that wait to be sent.",
        lambda: sum(alerts.outbox.pending().values()),
    )
