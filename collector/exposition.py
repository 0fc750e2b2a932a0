"""The metrics of the whole: what the rooms know of themselves, read when /metrics is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final

from prometheus_client import CollectorRegistry, Histogram

from collector.agents import AgentRegistry
from collector.alert import AlertStore, Sender
from collector.block import DecodedBlock
from collector.destinations import CheckpointSender
from collector.detect import Engine
from collector.metrics import add_counters, add_gauge, add_gauges
from collector.processes import IndexProcess, QueryPool
from collector.store import Store
from collector.watch import Watch
from watchbook.clock import SECOND_US

_LAG_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 86_400)


def add_store_metrics(registry: CollectorRegistry, store: Store) -> None:
    """Add what the writer knows."""
    add_gauge(registry, "watchbook_store_waiting_batches", "Batches that wait for the writer.", lambda: store.waiting)
    add_gauge(registry, "watchbook_store_failing", "1 when the last commit failed.", lambda: store.failing is not None)
    add_gauge(registry, "watchbook_store_events", "Events ever stored.", lambda: store.last_number)
    add_gauge(
        registry,
        "watchbook_store_keys_forgotten",
        "Idempotency-Keys forgotten within their window because there were too many.",
        lambda: store.keys_forgotten,
    )


def add_lag_metric(registry: CollectorRegistry) -> Callable[[Sequence[DecodedBlock]], None]:
    """Add how late events come; return what is to be told of every commit: from then on queries find its events."""
    lag = Histogram(
        "watchbook_ingest_lag_seconds",
        "From the time of the newest event of a batch to when queries could find it.",
        buckets=_LAG_BUCKETS_S,
        registry=registry,
    )

    def committed(blocks: Sequence[DecodedBlock]) -> None:
        for block in blocks:
            # A clock that runs ahead at the source is no lag.
            lag.observe(max(0, block.info.received - block.info.tmax) / SECOND_US)

    return committed


def add_rule_metrics(
    registry: CollectorRegistry, store: Store, watch: Watch, engine: Engine, alerts: AlertStore, sender: Sender
) -> None:
    """Add what the rules did, how far they are behind, and what became of the notifications."""
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
    add_counters(
        registry,
        "watchbook_rules_waited",
        "Requests of senders that waited because too much was not read by the rules yet ('detect.waiting_blocks_max').",
        (),
        lambda: [((), watch.waited)],
    )
    add_counters(
        registry,
        "watchbook_rules_clock_held",
        "Times that the clock ended and missed nothing for 'detect.lateness': after a restart, a standstill or a jump.",
        (),
        lambda: [((), watch.clock_held)],
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


def add_process_metrics(registry: CollectorRegistry, store: Store, pool: QueryPool, index: IndexProcess) -> None:
    """Add what the main process knows of the work of the others."""
    add_gauge(registry, "watchbook_query_under_way", "Questions that are being answered.", lambda: pool.under_way)
    add_gauge(registry, "watchbook_query_waiting", "Questions that wait for a worker.", lambda: pool.waiting)
    add_counters(
        registry,
        "watchbook_query_unavailable",
        "Questions that got 503: busy (too many wait), waited (too long), late (did not end), died (their workers).",
        ("reason",),
        lambda: [((reason,), n) for reason, n in pool.refused.items()],
    )
    add_counters(
        registry,
        "watchbook_query_given_up",
        "Questions whose asker went away before the answer.",
        (),
        lambda: [((), pool.given_up)],
    )
    add_gauge(
        registry,
        "watchbook_index_behind_events",
        "Stored events that are not indexed yet; queries find them by reading their blocks.",
        lambda: index.behind_events(store.last_number),
    )
    add_counters(
        registry,
        "watchbook_index_waited",
        "Requests of senders that waited because too much was not indexed yet ('processes.index_behind_max').",
        (),
        lambda: [((), index.waited)],
    )


def add_agent_metrics(registry: CollectorRegistry, agents: AgentRegistry) -> None:
    """Add how many agents are in which state."""
    add_gauges(registry, "watchbook_agents", "Agents by state.", "state", agents.states)
    add_counters(
        registry,
        "watchbook_agents_unlisted",
        "Heartbeats and batches of agents under plain tokens that are not listed ('agents.unenrolled_max').",
        (),
        lambda: [((), agents.unlisted)],
    )


def add_destination_metrics(registry: CollectorRegistry, checkpoints: CheckpointSender) -> None:
    """Add what became of the checkpoints that are sent off the host."""
    add_counters(
        registry,
        "watchbook_checkpoints",
        "Checkpoints since the start: sent, and attempts that failed.",
        ("destination", "what"),
        lambda: [
            ((name, what), getattr(counters, what))
            for name, counters in checkpoints.counters.items()
            for what in ("sent", "failed")
        ],
    )
    add_gauge(
        registry,
        "watchbook_checkpoints_waiting",
        "Checkpoints that wait to be sent.",
        lambda: sum(counters.waiting for counters in checkpoints.counters.values()),
    )
