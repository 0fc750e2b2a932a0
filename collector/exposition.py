"""The metrics of the whole: what the rooms know of themselves, read when /metrics is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final

from prometheus_client import CollectorRegistry, Histogram

from collector.agents import AgentRegistry
from collector.alert import AlertDesk, AlertStore
from collector.block import DecodedBlock
from collector.destinations import CheckpointSender
from collector.metrics import add_counters, add_gauge, add_gauges
from collector.notify import Notifier
from collector.processes import IndexProcess, QueryPool
from collector.rule_keeper import RuleKeeper
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


def add_rule_metrics(registry: CollectorRegistry, store: Store, watch: Watch) -> None:
    """Add what the rules did, and how far they are behind."""
    add_gauge(
        registry,
        "watchbook_rules_behind_events",
        "Stored events that the rules have not read yet, or whose alerts are not written yet.",
        lambda: max(0, store.last_number - watch.said_up_to),
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
        registry,
        "watchbook_rules_state_events",
        "Events in the windows of all rules.",
        lambda: watch.engine.state_events,
    )
    add_gauge(
        registry, "watchbook_rules_state_groups", "Groups that rules remember.", lambda: watch.engine.state_groups
    )
    add_counters(
        registry,
        "watchbook_rule",
        "What a rule that ever matched did since the start: matched, missing_group, late, opened, resolved …",
        ("rule", "what"),
        lambda: [
            ((rule, what), n)
            for rule, counters in watch.engine.counters.items()
            if counters.matched or counters.opened or counters.resolved  # of thousands of rules most never match
            for what, n in asdict(counters).items()
        ],
    )


def add_notify_metrics(registry: CollectorRegistry, notifier: Notifier) -> None:
    """Add what became of the notifications."""
    sender, dispatcher, outbox = notifier.sender, notifier.dispatcher, notifier.outbox
    add_counters(
        registry,
        "watchbook_notifications",
        "Notifications since the start: sent, failed (attempts), retried (attempts that were not the first), dead.",
        ("channel", "what"),
        lambda: [
            ((name, what), getattr(counters, what))
            for name, counters in sender.counters.items()
            for what in ("sent", "failed", "retried", "dead")
        ],
    )
    add_counters(
        registry,
        "watchbook_notifications_held_back",
        "Notifications since the start that 'max_per' held back; a digest told of them.",
        ("channel",),
        lambda: [((name,), number) for name, number in dispatcher.held.items()],
    )
    add_counters(
        registry,
        "watchbook_alerts_unrouted",
        "Alerts since the start that no channel hears of.",
        (),
        lambda: [((), dispatcher.unrouted)],
    )
    add_gauges(
        registry,
        "watchbook_notifications_waiting",
        "Notifications that wait to be sent.",
        "channel",
        lambda: {channel: n for (channel, state), n in outbox.counts().items() if state == "waiting"},
    )
    add_gauges(
        registry,
        "watchbook_notifications_dead",
        "Notifications that were given up: see 'watchbook notify dead list'.",
        "channel",
        lambda: {channel: n for (channel, state), n in outbox.counts().items() if state == "dead"},
    )
    add_gauge(
        registry,
        "watchbook_notifications_failing",
        "1 while it cannot be planned who is told of what: nobody hears of new alerts.",
        lambda: dispatcher.failing,
    )
    add_gauges(
        registry,
        "watchbook_channel_failing",
        "1 for a channel that does not work at the moment.",
        "channel",
        lambda: {name: counters.failing or counters.gone for name, counters in sender.counters.items()},
    )


def add_rule_set_metrics(registry: CollectorRegistry, rules: RuleKeeper, costs_max: int) -> None:
    """Add how many rules there are, what became of changing them, and which cost most."""
    add_gauges(
        registry,
        "watchbook_rules",
        "Rules by state: active, disabled, set_aside, counted (by a correlation, without alerts of their own).",
        "state",
        rules.states,
    )
    add_gauge(
        registry,
        "watchbook_rules_mistakes",
        "Mistakes in the rules as they were read last; above 0 the rules before stay in force.",
        lambda: len(rules.mistakes),
    )
    add_counters(
        registry,
        "watchbook_rules_reloads",
        "How often the rules were read again: taken, refused (they are wrong).",
        ("outcome",),
        lambda: [((outcome,), n) for outcome, n in rules.reloads.items()],
    )
    add_counters(
        registry,
        "watchbook_rules_set_aside",
        "Rules that were set aside because they took too much of a core ('detect.runaway_share').",
        (),
        lambda: [((), rules.set_aside)],
    )
    add_counters(
        registry,
        "watchbook_rule_cost_seconds",
        "What a rule has cost of the processor since the start, of the dearest ('detect.costs_max').",
        ("rule",),
        lambda: [((rule,), seconds) for rule, seconds in rules.dearest(costs_max)],
    )


def add_alert_metrics(registry: CollectorRegistry, alerts: AlertStore, desk: AlertDesk) -> None:
    """Add how alerts stand, and what hides them."""
    add_gauges(registry, "watchbook_alerts", "Alerts by status.", "status", alerts.counts)
    add_gauges(
        registry,
        "watchbook_shadow_alerts",
        "Alerts of rules in shadow mode by status: nobody is told of them.",
        "status",
        alerts.shadow_counts,
    )
    add_gauges(
        registry,
        "watchbook_alerts_hidden",
        "Alerts that are not resolved and that a silence or another alert keeps quiet.",
        "by",
        alerts.hidden,
    )
    add_gauges(registry, "watchbook_silences", "Silences that are not over, by state.", "state", desk.silences.counts)
    add_gauge(
        registry,
        "watchbook_exceptions",
        "Exceptions of rules that are not over.",
        lambda: desk.exceptions.counts()[0],
    )
    add_counters(
        registry,
        "watchbook_excepted_matches",
        "Matches of rules that exceptions kept from counting, ever.",
        (),
        lambda: [((), desk.exceptions.counts()[1])],
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
