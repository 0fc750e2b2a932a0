"""Settings of the query room."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting
from watchbook.units import Bytes, Seconds


@dataclass(frozen=True)
class QuerySettings:
    """Limits of one query, and of all of them together."""

    deadline: Seconds = setting(
        "A query that has not finished by then answers with what is certain so far, and says so.",
        Seconds(10.0),
        check=positive,
    )
    scanned_events_max: int = setting(
        "Events that one query may decode before it answers with what is certain so far.", 5_000_000, check=positive
    )
    cached_blocks: int = setting(
        "Decoded blocks kept in memory for the next query; one takes about 0.3 MiB.", 384, check=positive
    )
    listed_blocks: int = setting(
        "Blocks whose place is kept in memory for the next query; one takes about 0.3 KiB.", 200_000, check=positive
    )
    total_events_max: int = setting(
        "Events that may be decoded to tell how many match; beyond it the number is a lower bound and says so.",
        20_000,
        check=positive,
    )
    buckets_max: int = setting("Most buckets of a histogram.", 5_000, check=positive)
    texts_remembered_max: int = setting(
        "Distinct texts a field that are kept in memory for counting over segments.", 500_000, check=positive
    )
    remembered_bytes: Bytes = setting(
        "Memory for what parts of the store answered before: filters and counts that come again cost little.",
        Bytes(32 << 20),
        check=positive,
    )
    default_range: Seconds = setting(
        "How far back a query looks when it names no beginning.", Seconds(7 * 86400.0), check=positive
    )
