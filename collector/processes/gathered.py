"""Metrics of children as plain values, so that the main process can show them all together at /metrics.

A snapshot is a list of families ``[name, type, documentation, [[sample, {label: value}, number], …]]``.
"""

from collections.abc import Iterable
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

Family = list[Any]
Snapshot = list[Family]
_COUNTING: Final = frozenset({"counter", "histogram", "summary"})


def snapshot(registry: CollectorRegistry) -> Snapshot:
    """Return what a registry holds at this moment."""
    return [
        [
            metric.name,
            metric.type,
            metric.documentation,
            [[s.name, s.labels, s.value] for s in metric.samples if not s.name.endswith("_created")],
        ]
        for metric in registry.collect()
    ]


def added(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return the sum of snapshots: equal samples are added up."""
    families: dict[str, Family] = {}
    sums: dict[Any, list[Any]] = {}
    for name, kind, documentation, samples in (family for one in snapshots for family in one):
        family = families.setdefault(name, [name, kind, documentation, []])
        for sample, labels, value in samples:
            key = (sample, *sorted(labels.items()))
            if key in sums:
                sums[key][2] += value
            else:
                sums[key] = [sample, labels, value]
                family[3].append(sums[key])
    return list(families.values())


def lasting(last: Snapshot) -> Snapshot:
    """Return what a dead child leaves: what it counted stays counted, what it measured is no more."""
    return [family for family in last if family[1] in _COUNTING]


def as_metrics(gathered: Snapshot) -> Iterable[Metric]:
    """Yield the families as :mod:`prometheus_client` shows them."""
    for name, kind, documentation, samples in gathered:
        metric = Metric(name, documentation, kind)
        for sample, labels, value in samples:
            metric.add_sample(sample, labels, value)
        yield metric
