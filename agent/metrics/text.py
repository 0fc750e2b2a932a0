"""The text format of Prometheus, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class Family:
    """A metric: its name (that of a counter ends in ``_total``), kind, help, and its samples: labels and value."""

    name: str
    kind: Literal["counter", "gauge"]
    doc: str
    samples: list[tuple[Mapping[str, str], float]] = field(default_factory=list)

    def add(self, value: float, **labels: str) -> "Family":
        """Add a sample and return the family."""
        self.samples.append((labels, value))
        return self


def render(families: Iterable[Family]) -> str:
    """Return the text of all families that have samples."""
    return "".join(_lines(family) for family in families if family.samples)


def _lines(family: Family) -> str:
    doc = family.doc.replace("\\", "\\\\").replace("\n", "\\n")
    head = f"# HELP {family.name} {doc}\n# TYPE {family.name} {family.kind}\n"
    return head + "".join(f"{family.name}{_labels(labels)} {_number(value)}\n" for labels, value in family.samples)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{','.join(pairs)}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
