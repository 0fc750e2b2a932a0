"""What the collector counted, as far as words show it."""

from typing import Any

import msgspec

from watchbook.operator.paging import Incomplete, Range, Total

__all__ = ["Counted", "Explanation", "Facet", "Facets", "Histogram", "Incomplete", "Values"]

Value = str | float | bool


class Counted(msgspec.Struct):
    """A value, and how many events have it."""

    value: Value
    count: int
    distinct: int | None = None


class Facet(msgspec.Struct):
    """The values of a field; ``other``: events with values that are not listed, ``missing``: with none."""

    values: list[Counted]
    other: int
    missing: int


class Facets(msgspec.Struct):
    """An answer of ``/v1/facets``."""

    facets: dict[str, Facet]
    total: Total
    range: Range
    incomplete: Incomplete | None = None


class Bucket(msgspec.Struct):
    """The events from ``time`` on, for one interval."""

    time: str
    count: int
    by: dict[str, int] = {}


class Histogram(msgspec.Struct):
    """An answer of ``/v1/histogram``."""

    interval_s: float
    buckets: list[Bucket]
    total: Total
    range: Range
    incomplete: Incomplete | None = None


class Values(msgspec.Struct):
    """An answer of ``/v1/values``."""

    values: list[Counted]


class Explanation(msgspec.Struct):
    """An answer of ``/v1/query/explain``."""

    query: str
    plan: Any
    segments: list[dict[str, Any]]
