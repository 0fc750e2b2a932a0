"""Rules of every kind over one log, and a log that makes all of them fire: with late, shuffled and quiet stretches."""

import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

SECOND = 1_000_000
MINUTE = 60 * SECOND
STREAMS = ("a" * 32, "b" * 32, "c" * 32)

_IDS = iter(range(1, 100))


def _id() -> str:
    return f"{next(_IDS):08d}-1111-4111-8111-111111111111"


def _base(name: str, lines: str) -> str:
    return (
        f"title: {name}\nname: {name}\nid: {_id()}\nlevel: low\nlogsource: {{product: watchbook}}\n"
        f"detection: {{selection: {{{lines}}}, condition: selection}}\n"
    )


def _correlation(title: str, kind: str, rules: str, condition: str, timespan: str = "2m") -> str:
    return (
        f"title: {title}\nname: {title.replace(' ', '_')}\nid: {_id()}\nlevel: high\ncorrelation:\n  type: {kind}\n"
        f"  generate: true\n  rules: [{rules}]\n  group-by: [actor.id]\n  timespan: {timespan}\n"
        f"  condition: {condition}\n"
    )


RULES = "---\n".join(
    [
        _base("failed", "action: login, outcome: failure"),
        _base("granted", "action: grant"),
        _base("exported", "action: export"),
        _base("deleted", "action: delete") + "watchbook: {group-by: [actor.id, source.ip], quiet: 3m}\n",
        _correlation("many failures", "event_count", "failed", "{gte: 4}"),
        _correlation("many addresses", "value_count", "failed", "{field: source.ip, gte: 3}"),
        _correlation("many rows", "value_sum", "exported", "{field: measures.rows, gte: 150}"),
        _correlation("few rows", "value_avg", "exported", "{field: measures.rows, lt: 20}", "1m"),
        _correlation("together", "temporal", "failed, granted, exported", "{gte: 3}").replace(
            "  condition: {gte: 3}\n", ""
        ),
        _correlation("in order", "temporal_ordered", "failed, granted, exported", "{gte: 3}").replace(
            "  condition: {gte: 3}\n", ""
        ),
        # Of correlations: what is told at once, what is told when it is sure, and only where each alert starts.
        _correlation("failures then grant", "temporal_ordered", "many_failures, granted", "{gte: 2}").replace(
            "  condition: {gte: 2}\n", ""
        ),
        _correlation("grant then few rows", "temporal_ordered", "granted, few_rows", "{gte: 2}", "5m").replace(
            "  condition: {gte: 2}\n", ""
        ),
        _correlation("many spikes", "event_count", "many_failures", "{gte: 2}", "90m"),
        # What does not happen.
        _correlation("grant without export", "temporal_ordered", "granted, exported", "granted and not exported", "3m"),
        _correlation("nothing exported", "event_count", "exported", "{lt: 1}", "30m"),
    ]
)


class Sent(NamedTuple):
    """A batch and when it is received."""

    stream: str
    sequence: int
    received: int
    events: Sequence[dict[str, Any]]


def log_of(events: int, start: int, seed: int = 5, *, late_s: float = 100) -> Iterator[Sent]:
    """Yield batches: most events in time, some late, a stream that was cut off, and hours without any."""
    rng = random.Random(seed)
    sequences = dict.fromkeys(STREAMS, 0)
    now, made = start, 0
    while made < events:
        size = min(rng.choice((1, 7, 30, 200)), events - made)
        now += rng.choice((SECOND, 5 * SECOND, 20 * SECOND, 90 * SECOND))
        if rng.random() < 0.01:
            now += rng.choice((20, 90)) * MINUTE
        stream = rng.choice(STREAMS)
        back = 40 * MINUTE if stream == STREAMS[2] and rng.random() < 0.3 else 0
        batch = [event(rng, now - back - rng.randint(0, int(late_s * SECOND))) for _ in range(size)]
        sequences[stream] += 1
        yield Sent(stream, sequences[stream], now, batch)
        made += size


def event(rng: random.Random, time: int) -> dict[str, Any]:
    """Return a flat event; most of them are of no interest to any rule."""
    action = rng.choices(("read", "login", "grant", "export", "delete"), (60, 25, 5, 8, 2))[0]
    made: dict[str, Any] = {
        "time": time, "actor.type": "user", "actor.id": f"user{rng.randint(1, 40)}", "action": action,
        "outcome": rng.choice(("success", "failure")), "source.ip": f"10.0.0.{rng.randint(1, 5)}",
        "message": f"event {rng.randint(0, 10**9)}", "details": {"n": rng.randint(0, 9)},
    }  # fmt: skip
    if action == "export":
        made["measures"] = {"rows": rng.choice((5, 15, 60, 90))}
    if rng.random() < 0.02:
        del made["actor.id"]
    return made
