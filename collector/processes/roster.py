"""The roster of the children: which there are, what each uses, what all of them counted.  A collector of metrics."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from collector.processes.child import Child
from collector.processes.gathered import Snapshot, added, as_metrics, lasting
from collector.processes.usage import usage_of


class Place(Protocol):
    """Where a child belongs: how often it had to be started again, and whether there is one."""

    kind: str
    restarts: int
    is_ready: bool


class Roster(Collector):
    """Knows every child from its start to its end."""

    def __init__(self) -> None:
        self._children: dict[Child, str] = {}
        self._places: list[Place] = []
        self._of_dead: Snapshot = []

    def add_place(self, place: Place) -> None:
        """Count a place among those that are shown."""
        self._places.append(place)

    @contextmanager
    def listed(self, name: str, child: Child) -> Iterator[None]:
        """List a child while the context lasts; what it counted is kept."""
        self._children[child] = name
        try:
            yield
        finally:
            del self._children[child]
            self._of_dead = added([self._of_dead, lasting(child.metrics)])

    def collect(self) -> Iterable[Metric]:
        """Return what the children use and what they counted."""
        children = list(self._children.items())
        yield from self._places_as_metrics()
        yield from _usage_as_metrics([("main", os.getpid()), *((name, child.pid) for child, name in children)])
        yield from as_metrics(added([self._of_dead, *(child.metrics for child, _ in children)]))

    def _places_as_metrics(self) -> Iterable[Metric]:
        restarts = CounterMetricFamily(
            "watchbook_worker_restarts", "How often a process that died was started again.", labels=["kind"]
        )
        up = GaugeMetricFamily("watchbook_worker_up", "Processes that are ready for work.", labels=["kind"])
        for kind in dict.fromkeys(place.kind for place in self._places):
            places = [place for place in self._places if place.kind == kind]
            restarts.add_metric([kind], sum(place.restarts for place in places))
            up.add_metric([kind], sum(place.is_ready for place in places))
        yield restarts
        yield up


def _usage_as_metrics(processes: Iterable[tuple[str, int]]) -> Iterable[Metric]:
    cpu = CounterMetricFamily(
        "watchbook_process_cpu_seconds", "CPU seconds, user and system, of each of the processes.", labels=["process"]
    )
    memory = GaugeMetricFamily(
        "watchbook_process_resident_bytes", "Resident memory of each of the processes.", labels=["process"]
    )
    for name, pid in processes:
        usage = usage_of(pid)
        cpu.add_metric([name], usage.cpu_s)
        memory.add_metric([name], usage.resident_bytes)
    yield cpu
    yield memory
