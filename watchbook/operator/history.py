"""The command ``history``: the counts by the hour that outlive events."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import click
import msgspec

from watchbook.clock import SECOND_US, format_rfc3339, parse_rfc3339
from watchbook.operator.asking import say, typed_moment
from watchbook.operator.cells import shown_time
from watchbook.operator.counting import given, write_json
from watchbook.operator.counts import Bucket
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import Total, decoded
from watchbook.operator.showing import show_histogram

#: Most bars of a chart: no terminal is wider.
_BARS_MAX: Final = 1000


class Counts(msgspec.Struct):
    """An answer of ``/v1/history``."""

    interval_s: int
    buckets: list[Bucket]
    total: Total
    other: int = 0
    missing: int = 0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--interval", metavar="DURATION", default="1d", show_default=True, help="Width of a bar in whole hours.")
@click.option("--by", metavar="FIELD", help="A line for each value of this field, too: one of retention.rollup_fields.")
@click.option("--gone", is_flag=True, help="Only events of segments that are gone.")
@common_options
@click.option("--since", help="Beginning of the range: 30d, 2026-11-21, '2026-11-21 14:00' [default: none]")
@click.option("--until", help="End of the range, written the same way [default: none]")
def history(options: Options, interval: str, by: str | None, gone: bool, since: str | None, until: str | None) -> None:
    """Draw how many events there were by the hour, also when they are gone.

    It takes no query: only counts are left of them. Those of the newest segments come when these are sealed.

    \b
    watchbook history --interval 7d
    watchbook history --by org --since 2024-01-01 --until 2025-01-01
    watchbook history --gone --by action --json
    """
    times = {name: typed_moment(text, options.utc) for name, text in (("from", since), ("to", until)) if text}
    parameters = given(interval=interval, by=by, gone="true" if gone else None, **times)
    body = options.collector().get("/v1/history", parameters)
    found: Counts = decoded(body, Counts)
    if options.json_lines:
        write_json(body)
    else:
        buckets, interval_s = evenly(found.buckets, found.interval_s)
        show_histogram(buckets, interval_s, utc=options.utc)
    say(_summary(found, by, options.utc))


def evenly(buckets: Sequence[Bucket], interval_s: int, bars_max: int = _BARS_MAX) -> tuple[list[Bucket], int]:
    """Return the buckets, oldest first, without holes, and their width in seconds: neighbours are added up until
    there are no more than ``bars_max``, for one wrong clock may be thousands of years away.
    """
    if not buckets:
        return [], interval_s
    times = [parse_rfc3339(bucket.time) for bucket in buckets]
    stretches = (times[-1] - times[0]) // (interval_s * SECOND_US) + 1
    width_s = interval_s * -(-stretches // bars_max)
    places = [(time - times[0]) // (width_s * SECOND_US) for time in times]
    starts = [times[0] + place * width_s * SECOND_US for place in range(places[-1] + 1)]
    counts: Counter[int] = Counter()
    divided: list[Counter[str]] = [Counter() for _ in starts]
    for place, bucket in zip(places, buckets, strict=True):
        counts[place] += bucket.count
        divided[place].update(bucket.by)
    filled = [Bucket(format_rfc3339(start), counts[place], divided[place]) for place, start in enumerate(starts)]
    return filled, width_s


def _summary(found: Counts, by: str | None, utc: bool) -> str:
    total = found.total.value
    words = [f"{total or 'no'} event{'' if total == 1 else 's'} counted"]
    if found.buckets:
        words.append(f" since {shown_time(found.buckets[0].time, utc)}")
    if by is not None and (found.other or found.missing):
        words.append(f"; {found.other} of other values, {found.missing} without {by}")
    return "".join(words)
