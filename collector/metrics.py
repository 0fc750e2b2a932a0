"""Metrics of what only the whole knows: the writer's queue, how far the rules are behind, what each rule did."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector


def add_gauge(registry: CollectorRegistry, name: str, doc: str, read: Callable[[], float]) -> None:
    """Add a gauge that is read when the metrics are asked for."""
    Gauge(name, doc, registry=registry).set_function(read)


class _Gauges(Collector):
    def __init__(self, name: str, doc: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._name = name
        self._doc = doc
        self._label = label
        self._read = read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauges as they are now."""
        family = GaugeMetricFamily(self._name, self._doc, labels=[self._label])
        for value, number in self._read().items():
            family.add_metric([value], number)
        yield family


def add_gauges(
    registry: CollectorRegistry, name: str, doc: str, label: str, read: Callable[[], Mapping[str, float]]
) -> None:
    """Add gauges that are read together when the metrics are asked for: one a value of ``label``."""
    registry.register(_Gauges(name, doc, label, read))


class _Counters(Collector):
    def __init__(
        self, name: str, doc: str, labels: Sequence[str], read: Callable[[], Iterable[tuple[Sequence[str], float]]]
    ) -> None:
        self._name = name
        self._doc = doc
        self._labels = labels
        self._read = read

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Return the counters as they are now."""
        family = CounterMetricFamily(self._name, self._doc, labels=self._labels)
        for labels, value in self._read():
            family.add_metric(labels, value)
        yield family


def add_counters(
    registry: CollectorRegistry,
    name: str,
    doc: str,
    labels: Sequence[str],
    read: Callable[[], Iterable[tuple[Sequence[str], float]]],
) -> None:
    """Add counters that somebody else keeps; ``read`` gives (values of the labels, count)."""
    registry.register(_Counters(name, doc, labels, read))
