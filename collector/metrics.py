"""Metrics of what only the whole knows: the writer's queue, and how far rules and notifications are behind."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge


def add_gauge(registry: CollectorRegistry, name: str, doc: str, read: Callable[[], float]) -> None:
    """Add a gauge that is read when the metrics are asked for."""
    Gauge(name, doc, registry=registry).set_function(read)
