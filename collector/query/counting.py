"""The questions that count: totals, facets, histograms, and the values that complete a word."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from collector.query.documents import Document, count_incomplete
from collector.query.errors import QueryError
from collector.query.fields import single_field, target_of
from collector.query.histogram import DividedHistogram, Histogram
from collector.query.hits import Counter, Total, Walk
from collector.query.pairs import pair_counter
from collector.query.plan import RECEIVED, And, Or, Plan, Present, StartsWith, Term
from collector.query.reading import Question, Reader
from collector.query.settings import QuerySettings
from collector.query.spans import span_of
from collector.query.tally import FieldTally
from collector.query.texts import TextNumbers
from watchbook.clock import SECOND_US, format_rfc3339

_ResultT = TypeVar("_ResultT")
#: Values of a field looked at for those with a prefix, for each one asked for.
_LOOKED_AT: Final = 50


class Counting:
    """Counts for one process: remembers which texts of segments are the same."""

    def __init__(self, settings: QuerySettings) -> None:
        self._settings = settings
        self._texts = TextNumbers(settings.texts_remembered_max)

    def total(self, reader: Reader, question: Question) -> Document:
        """Return ``{value, exact}``: how many events match, or surely match where the rest would cost too much."""
        total = Total()
        walk = Walk(reader, question)
        walk.run([total], [])
        return {"value": total.value, "exact": walk.incomplete is None and not reader.damaged}

    def facets(
        self, reader: Reader, question: Question, fields: Mapping[str, str], size: int, distinct: str | None
    ) -> Document:
        """Return ``{facets: {NAME: {values, other, missing}}, total, range, incomplete?}``.

        ``fields`` maps the names of the answer to fields of the event.
        """
        total = Total()
        tallies = {name: FieldTally(field, self._texts.of(field)) for name, field in fields.items()}
        pairs = {name: pair_counter(field, distinct, self._texts) for name, field in fields.items() if distinct}
        walk = Walk(reader, question)
        counters: list[Counter] = [total, *tallies.values(), *pairs.values()]
        walk.run(counters, [*fields.values(), *([distinct] if distinct else [])])
        facets: Document = {}
        for name, tally in tallies.items():
            most = tally.most(size)
            values = [{"value": value, "count": count} for value, count in most.values]
            for entry, (value, _) in zip(values, most.values, strict=True):
                if name in pairs:
                    entry["distinct"] = pairs[name].distinct(value)
            facets[name] = {"values": values, "other": most.other, "missing": most.missing}
        return {"facets": facets, **_around(walk, reader, question, total)}

    def histogram(self, reader: Reader, question: Question, now: int, interval: str | None, by: str | None) -> Document:
        """Return ``{interval_s, buckets: [{time, count, by?}], total, range, incomplete?}``; raises QueryError."""
        segments = reader.segments(question)
        tmin = min((segment.tmin for segment in segments), default=now)
        tmax = max((segment.tmax for segment in segments), default=now)
        span = span_of(question.time_range, tmin, tmax, now, interval, self._settings.buckets_max)
        total, histogram = Total(), Histogram(span)
        divided = DividedHistogram(span, by, self._texts.of(by)) if by else None
        walk = Walk(reader, question)
        walk.run([total, histogram, *([divided] if divided else [])], [by] if by else [])
        buckets: list[Document] = [
            {"time": format_rfc3339(max(start, question.time_range.time_from)), "count": count}
            for start, count in zip(span.starts, histogram.counts(), strict=True)
        ]
        for bucket, counts in zip(buckets, divided.by() if divided else (), strict=False):
            bucket["by"] = counts
        return {
            "interval_s": span.width / SECOND_US,
            "buckets": buckets,
            **_around(walk, reader, question, total),
        }

    def values(self, reader: Reader, question: Question, fields: Sequence[str], prefix: str, limit: int) -> Document:
        """Return ``{values: [{value, count}], incomplete?}``: the most frequent values with a prefix."""
        tallies = [FieldTally(field, self._texts.of(field)) for field in fields]
        walk = Walk(reader, question)
        walk.run(tallies, fields)
        folded = prefix.casefold()
        counts: dict[str, int] = {}
        for tally in tallies:
            for value, count in tally.most(limit * _LOOKED_AT).values:
                if str(value).casefold().startswith(folded):
                    counts[str(value)] = counts.get(str(value), 0) + count
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
        return {
            "values": [{"value": value, "count": count} for value, count in ordered],
            **count_incomplete(walk.incomplete, len(reader.damaged), question.time_range),
        }


def countable_field(name: str, parameter: str) -> str:
    """Return the field whose values are counted under a name; raises QueryError."""
    return _checked(lambda: single_field(name), name, parameter)


def countable_fields(name: str, parameter: str) -> Sequence[str]:
    """Return all fields that a name stands for; raises QueryError."""
    return _checked(lambda: target_of(name).fields, name, parameter)


def beginning_with(plan: Plan, fields: Sequence[str], prefix: str) -> Plan:
    """Return the plan of the events of ``plan`` that have a value beginning with ``prefix`` in one of the fields."""
    folded = prefix.casefold()
    test = StartsWith(folded) if folded else Present()
    return And((plan, Or(tuple(Term((field,), test) for field in fields))))


def _checked(read: Callable[[], _ResultT], name: str, parameter: str) -> _ResultT:
    try:
        if target_of(name).kind == "time" or name == RECEIVED:
            raise QueryError(f"the values of {name!r} are times; a histogram counts by time")
        return read()
    except QueryError as error:
        error.parameter = parameter
        raise


def _around(walk: Walk, reader: Reader, question: Question, total: Total) -> Document:
    damaged = len(reader.damaged)
    return {
        "total": {"value": total.value, "exact": walk.incomplete is None and not damaged},
        "range": question.time_range.document(),
        **count_incomplete(walk.incomplete, damaged, question.time_range),
    }
