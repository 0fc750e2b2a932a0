"""The commands ``facets``, ``histogram``, ``values`` and ``explain``."""

import sys

import click

from watchbook.operator.asking import QUERY, Asked, Selection, range_words, ranged_options, say
from watchbook.operator.connection import Collector, Parameters
from watchbook.operator.counts import Explanation, Facets, Histogram, Incomplete, Values
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import Range, Total, decoded
from watchbook.operator.printing import json_line
from watchbook.operator.showing import show_explanation, show_facets, show_histogram, show_values


@click.command(context_settings=QUERY)
@click.option("--field", "fields", multiple=True, metavar="FIELD", help="Count the values of this field; repeat it.")
@click.option("--size", type=click.IntRange(1, 1000), default=10, show_default=True, help="Most values of a field.")
@click.option("--distinct", metavar="FIELD", help="Count how many values of this field go with each.")
@common_options
@ranged_options
def facets(options: Options, selection: Selection, fields: tuple[str, ...], size: int, distinct: str | None) -> None:
    """Count events by the values of fields, the most frequent first.

    \b
    watchbook facets outcome:failure --field actor --field action --since 30d
    watchbook facets --field org --distinct actor.id
    """
    more = [*(("field", field) for field in fields), ("size", str(size)), *given(distinct=distinct)]
    body = _answer(options, selection, "/v1/facets", more)
    found: Facets = decoded(body, Facets)
    if options.json_lines:
        write_json(body)
    else:
        show_facets(found)
    _summarise(found.total, found.range, found.incomplete, options.utc)


@click.command(context_settings=QUERY)
@click.option("--interval", metavar="DURATION", help="Width of a bar: 15m, 1h, 1d [default: what fits the range]")
@click.option("--by", metavar="FIELD", help="A line for each value of this field, too.")
@common_options
@ranged_options
def histogram(options: Options, selection: Selection, interval: str | None, by: str | None) -> None:
    """Draw how many events there were over time.

    \b
    watchbook histogram outcome:failure --since 7d
    watchbook histogram --interval 1d --by category --since 30d
    """
    body = _answer(options, selection, "/v1/histogram", given(interval=interval, by=by))
    found: Histogram = decoded(body, Histogram)
    if options.json_lines:
        write_json(body)
    else:
        show_histogram(found.buckets, found.interval_s, utc=options.utc)
    _summarise(found.total, found.range, found.incomplete, options.utc)


@click.command(context_settings=QUERY)
@click.argument("field")
@click.option("--prefix", help="Only values that begin with this.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Most values to show.")
@common_options
@ranged_options
def values(options: Options, selection: Selection, field: str, prefix: str | None, limit: int) -> None:
    """List the values of a field, the most frequent first.

    \b
    watchbook values action
    watchbook values resource.type --prefix data --since 30d
    """
    more = [("field", field), ("limit", str(limit)), *given(prefix=prefix)]
    body = _answer(options, selection, "/v1/values", more)
    if options.json_lines:
        write_json(body)
    else:
        show_values(decoded(body, Values))


@click.command(context_settings=QUERY)
@common_options
@ranged_options
def explain(options: Options, selection: Selection) -> None:
    """Say how a query is understood, and what the index can tell about it.

    \b
    watchbook explain 'user:alice status:failed -type:database "time out"'
    """
    body = _answer(options, selection, "/v1/query/explain", ())
    if options.json_lines:
        write_json(body)
    else:
        show_explanation(decoded(body, Explanation))


def _answer(options: Options, selection: Selection, path: str, more: Parameters) -> bytes:
    collector: Collector = options.collector()
    asked: Asked = selection.asked(collector, utc=options.utc)
    with asked.pointing_out_mistakes():
        return collector.get(path, [*asked.parameters, *more])


def given(**parameters: str | None) -> list[tuple[str, str]]:
    """Return the parameters that are not None."""
    return [(name, value) for name, value in parameters.items() if value is not None]


def write_json(body: bytes) -> None:
    """Write an answer on a line of its own."""
    sys.stdout.buffer.write(json_line(body))


def _summarise(total: Total, found: Range, incomplete: Incomplete | None, utc: bool) -> None:
    least = "" if total.exact else "at least "
    say(f"{least}{total.value} event{'' if total.value == 1 else 's'}{range_words(found, utc)}")
    if incomplete is not None:
        say(incomplete.message)
