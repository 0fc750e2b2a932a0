"""The events of the store bench: lines of a JSON application over some days, made into batches by the agent's own code.

A corpus is a file of request bodies (:func:`tests.benchmarks.ingest_client.write_bodies`), 512 events each, in order of
time.  It is made in parts, one a process, since making it takes longer than storing it.
"""

import itertools
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from agent.batch import BatchSettings, Builder, Origin
from agent.parse import FORMATS
from agent.profile import compile_profile, load_profiles
from agent.records import Chunk
from agent.redact import RedactSettings, make_redactor
from tests.benchmarks.ingest_client import write_bodies
from watchbook.columns import Batch
from watchbook.demo.applog import app_lines
from watchbook.event import nest
from watchbook.shipped import shipped_folder
from watchbook.wire import compress, decode_batch

START_US: Final = 1_793_491_200_000_000  # 2026-11-01T00:00:00Z
DAY_US: Final = 86_400_000_000
_BATCH: Final = 512
_PART_EVENTS: Final = 250_000
_FILE: Final = "/var/log/app.log"
#: A time that no line says: when the agent read it.
_READ_US: Final = START_US


class Part(NamedTuple):
    """A stretch of the corpus: ``first`` is the number of its first event."""

    path: Path
    first: int
    events: int
    step_us: int
    start_us: int
    seed: int


def write_corpus(
    path: Path, events: int, days: float, progress: Callable[[str], None], *, seed: int = 7, start_us: int = START_US
) -> Path:
    """Write a corpus of so many events spread evenly over some days, unless it is there already; return its path."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    step_us = int(days * DAY_US / events)
    parts = [
        Part(path.with_name(f"{path.name}.{first}"), first, min(_PART_EVENTS, events - first), step_us, start_us, seed)
        for first in range(0, events, _PART_EVENTS)
    ]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.imap(_write_part, parts), 1):
            progress(f"making {events:,} events: {done / len(parts):.0%}")
    joined = path.with_name(f"{path.name}.new")
    with joined.open("wb") as file:
        for part in parts:
            with part.path.open("rb") as piece:
                shutil.copyfileobj(piece, file)
            part.path.unlink()
    return joined.rename(path)


def write_corpus_of_lines(path: Path, lines: Iterable[bytes]) -> int:
    """Write a corpus of given JSON lines (without their newline), and return how many events it has."""
    counted = [0]

    def bodies() -> Iterator[tuple[int, bytes]]:
        for n, body in batches_of(lines):
            counted[0] += n
            yield n, body

    write_bodies(path, bodies())
    return counted[0]


def batches_of(lines: Iterable[bytes], size: int = _BATCH) -> Iterator[tuple[int, bytes]]:
    """Yield (events, body) of lines, so many a batch, as an agent with the profile ``jsonl`` sends them."""
    normalise = compile_profile(
        load_profiles(shipped_folder("config") / "profiles")["jsonl"], FORMATS, make_redactor(RedactSettings())
    )
    builder, origin = Builder(BatchSettings()), Origin("web-1", "web-1", "app", "jsonl")
    offset, source = 0, iter(lines)
    while chunk := list(itertools.islice(source, size)):
        offsets = list(itertools.accumulate((len(line) + 1 for line in chunk), initial=offset))
        offset = offsets.pop()
        made = normalise(chunk, _READ_US)
        builder.add(
            made, normalise.fields, normalise.constants, Chunk("app", _FILE, chunk, offsets, ()), origin, _READ_US
        )
        for n, json in builder.take():
            yield n, compress(json)


def backlog_of(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the same in batches as large as agents make them when many lines wait."""
    return batches_of(lines, BatchSettings().events_max)


def posted_bodies(events: int, objects: int = 500, *, seed: int = 11) -> Sequence[tuple[int, bytes]]:
    """Return bodies of JSON arrays for ``POST /v1/events``: our events as a third party would send them."""
    lines = (line.rstrip(b"\n") for line in app_lines(events, seed=seed, start_us=START_US, step_us=1000))
    documents = [
        _document(batch, index)
        for batch in (decode_batch(body, bytes_max=1 << 27) for _, body in batches_of(lines))
        for index in range(batch.n)
    ]
    cut = [documents[start : start + objects] for start in range(0, len(documents), objects)]
    return [(len(piece), orjson.dumps(piece)) for piece in cut]


def _document(batch: Batch, index: int) -> object:
    return nest({name: value for name, value in batch.event(index).items() if not name.startswith("origin.")})


def _write_part(part: Part) -> None:
    start_us = part.start_us + part.first * part.step_us
    lines = app_lines(part.events, seed=part.seed + part.first, start_us=start_us, step_us=part.step_us)
    write_bodies(part.path, batches_of(map(bytes.rstrip, lines)))
