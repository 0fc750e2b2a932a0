"""Settings of the index room."""

from dataclasses import dataclass
from typing import Final

from watchbook.configfile import positive, setting
from watchbook.units import Bytes, Seconds

#: Most rows of a chunk: what is decoded and compared in one go.
CHUNK_ROWS_MAX: Final = 65_536


def _chunk_size(rows: int) -> str | None:
    return None if 1 <= rows <= CHUNK_ROWS_MAX else f"1 to {CHUNK_ROWS_MAX}"


@dataclass(frozen=True)
class IndexSettings:
    """How segments are indexed, and what reading an index may cost."""

    cache_bytes: Bytes = setting(
        "Memory that each query process keeps for decoded parts of indexes.", Bytes(384 << 20), check=positive
    )
    open_files_max: int = setting("Index files that each query process keeps open.", 256, check=positive)
    chunk_rows: int = setting(
        "Events that a chunk of a finished index holds at most (up to 65,536).", CHUNK_ROWS_MAX, check=_chunk_size
    )
    flush_rows: int = setting(
        "New events of the growing segment that are made searchable through its index at once, without waiting; "
        "also the size from which a chunk is left as it is.",
        16_384,
        check=_chunk_size,
    )
    flush_rows_min: int = setting(
        "New events that are made searchable through the index after 'flush_after'.", 2_048, check=positive
    )
    flush_after: Seconds = setting("See 'flush_rows_min'.", Seconds(1.0), check=positive)
    flush_latest: Seconds = setting(
        "How long even a single new event waits for its place in the index (it is found before, more slowly).",
        Seconds(5.0),
        check=positive,
    )
    superseded_kept: Seconds = setting(
        "How long a chunk that a larger one replaced stays readable for queries that began before.",
        Seconds(60.0),
        check=positive,
    )
    measures_max: int = setting(
        "Names of measures that a segment's index holds numbers of; queries for others read the events.",
        64,
        check=positive,
    )
    text_chars_max: int = setting(
        "Longer texts are not kept in the index: their words are, and a query reads the events.", 200, check=positive
    )
    texts_remembered_max: int = setting(
        "Distinct texts a field that the indexer remembers; beyond it a text may be listed twice.",
        500_000,
        check=positive,
    )
    step: Seconds = setting(
        "How long the indexer works before it looks for other work to do.", Seconds(0.2), check=positive
    )
