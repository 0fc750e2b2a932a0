"""The tables of metrics, made from what running programs answer."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from tests.docs.tables import table

_CREATED = "_created"
_AGENT = "watchbook_agent_"


class Metric(NamedTuple):
    """A metric: its name as one asks Prometheus for it, its kind, its labels, what it is."""

    name: str
    kind: str
    labels: tuple[str, ...]
    doc: str


def metrics_of(exposition: str) -> list[Metric]:
    """Return the metrics that an answer of ``/metrics`` holds.

    The times at which counters began (``…_created``) belong to them and are no metrics of their own.  Raises
    AssertionError for a metric without a value: its labels cannot be known.
    """
    families = {family.name: family for family in text_string_to_metric_families(exposition)}
    found = []
    for name, family in sorted(families.items()):
        if name.endswith(_CREATED) and name.removesuffix(_CREATED) in families:
            continue
        labels = {label: None for sample in family.samples for label in sample.labels if label != "le"}
        assert family.samples, f"{name} has no value yet; make one in tests/docs/traffic.py"
        shown = f"{name}_total" if family.type == "counter" else name
        found.append(Metric(shown, family.type, tuple(labels), family.documentation))
    return found


def metrics_table(exposition: str) -> str:
    """Return the metrics as a Markdown table."""
    return table(("metric", "kind", "labels", "meaning"), list(_rows(exposition)))


def of_collector(expositions: str) -> str:
    """Return the table of the collector's metrics, out of the answers of both programs."""
    return metrics_table(_of(expositions, is_agent=False))


def of_agent(expositions: str) -> str:
    """Return the table of the agent's metrics, out of the answers of both programs."""
    return metrics_table(_of(expositions, is_agent=True))


def _of(expositions: str, *, is_agent: bool) -> str:
    lines = expositions.splitlines(keepends=True)
    return "".join(line for line in lines if (_AGENT in line.split("{")[0]) is is_agent)


def names_in_source(source: str) -> set[str]:
    """Return the names of metrics that a Python source declares."""
    return set(re.findall(r'"(watchbook_[a-z_]+)"', source))


def _rows(exposition: str) -> Iterator[tuple[str, ...]]:
    for metric in metrics_of(exposition):
        yield f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.doc
