"""What the query room counts."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class QueryMetrics:
    """The room's metrics in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "watchbook_query_seconds",
            "Time from a query's arrival to its answer.",
            buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.scanned = Counter("watchbook_query_events_scanned", "Events decoded to answer queries.", registry=registry)
        self.blocks_read = Counter(
            "watchbook_query_blocks_read", "Blocks read by queries, from memory or from the store.", ["where"],
            registry=registry,
        )  # fmt: skip
        self.incomplete = Counter(
            "watchbook_query_incomplete",
            "Queries that answered before they were done: deadline, scan_budget, stopping.",
            ["reason"],
            registry=registry,
        )
        self.begun_anew = Counter(
            "watchbook_query_begun_anew",
            "Queries that began anew: what they read was moved (sealed, archived), or an index was damaged.",
            ["why"],
            registry=registry,
        )
        for why in ("moved", "index_damaged"):
            self.begun_anew.labels(why)  # rare enough that its labels would not be known until it matters
        self.refused = Counter(
            "watchbook_query_refused", "Queries that could not be understood, by parameter.", ["parameter"],
            registry=registry,
        )  # fmt: skip
