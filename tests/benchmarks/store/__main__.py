"""``make bench-store``: durable ingest, bytes, queries at size, and all of it at once, on real processes.

Prints figures beside the goals of docs/decisions/004-store.md; no figure makes it fail.  ``EVENTS=1000000`` makes it
smaller.  ``--lines FILE`` takes the events from a file of JSON lines, ``--keep FOLDER`` keeps what was made for the
next run.
"""

import argparse
import asyncio
import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.benchmarks.ingest import measure_ingest, measure_posted
from tests.benchmarks.ingest_client import read_bodies, write_bodies
from tests.benchmarks.store.archive import Archived, archive
from tests.benchmarks.store.asking import ask_deep_page, ask_each, ask_mixed
from tests.benchmarks.store.corpus import (
    DAY_US,
    START_US,
    backlog_of,
    posted_bodies,
    write_corpus,
    write_corpus_of_lines,
)
from tests.benchmarks.store.loading import (
    end_sending,
    load,
    metric,
    sizes,
    start_sending,
    wait_until_indexed,
    wait_until_settled,
)
from tests.benchmarks.store.peers import ask_duckdb
from tests.benchmarks.store.questions import questions
from tests.benchmarks.store.sealing import seal
from tests.benchmarks.store.table import Row, show
from tests.benchmarks.throughput import machine
from tests.progress import clear, progress
from tests.stand import Stand
from watchbook.demo.applog import app_lines
from watchbook.wire import decode_batch

_INGESTED: Final = 1_000_000
_POSTED: Final = 100_000
_MIXED_S: Final = 20
_CLIENTS: Final = 20
_REPEATS: Final = 7
_TOLD = progress()


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(prog="make bench-store ARGS=…", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000, help="events in the store when it is asked")
    parser.add_argument("--days", type=float, default=10, help="days that they are spread over")
    parser.add_argument("--seed", type=int, default=7, help="another seed, other events")
    parser.add_argument("--lines", type=Path, help="take the events from this file of JSON lines")
    parser.add_argument("--keep", type=Path, help="folder for the events that were made; kept for the next run")
    parser.add_argument("--repeats", type=int, default=_REPEATS, help="runs of each measurement; the median counts")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="watchbook-bench-store-"))
    try:
        _run(arguments, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _run(arguments: argparse.Namespace, folder: Path) -> None:
    print(f"machine: {machine()}")
    kept = arguments.keep or folder
    if arguments.lines:
        bodies = folder / "corpus"
        with arguments.lines.open("rb") as lines:
            events = write_corpus_of_lines(bodies, (line.rstrip(b"\n") for line in lines))
    else:
        events = arguments.events
        name = f"corpus-{events}-{arguments.days:g}-{arguments.seed}"
        bodies = write_corpus(kept / name, events, arguments.days, _TOLD, seed=arguments.seed)
    _ingest(bodies, _lines(arguments), events, arguments.repeats)
    stand = Stand(folder / "stand", collector_extra=f"rules: [{_empty(folder)}]\nstore:\n  seal_after: 365d\n")
    try:
        _store_and_ask(stand, bodies, events, arguments.repeats, folder)
        _all_at_once(stand, bodies, arguments.seed, kept, folder)
    finally:
        stand.close()


def _lines(arguments: argparse.Namespace) -> Iterator[bytes]:
    """Yield the lines that the first events of the corpus are made of."""
    if arguments.lines:
        with arguments.lines.open("rb") as lines:
            yield from (line.rstrip(b"\n") for line in itertools.islice(lines, _INGESTED))
        return
    step_us = int(arguments.days * DAY_US / arguments.events)
    made = app_lines(min(_INGESTED, arguments.events), seed=arguments.seed, start_us=START_US, step_us=step_us)
    yield from (line.rstrip(b"\n") for line in made)


def _ingest(bodies: Path, lines: Iterable[bytes], events: int, repeats: int) -> None:
    batches = list(itertools.islice(read_bodies(bodies), min(_INGESTED, events) // 512 + 1))
    _TOLD("making batches as agents send a backlog")
    backlog = list(backlog_of(lines))
    posted = posted_bodies(min(_POSTED, events))
    off = measure_ingest(batches, repeats=repeats, progress=_TOLD)
    on = measure_ingest(batches, rules=True, repeats=repeats, progress=_TOLD)
    late = measure_ingest(backlog, rules=True, repeats=repeats, progress=_TOLD)
    json = measure_posted(posted, repeats=repeats, progress=_TOLD)
    rows = [
        Row(name, f"{figures.events_per_core_s:,.0f}", f"{goal:,}", f"{figures.main_cpu_s:.2f}",
            f"{figures.events_per_s:,.0f}", f"{figures.ack_p50_ms:.0f} / {figures.ack_p99_ms:.0f}")
        for name, figures, goal in (
            ("agents' batches of 512, rules off", off, 400_000),
            ("agents' batches of 512, shipped rules", on, 200_000),
            (f"of {backlog[0][0]:,} as in a backlog, shipped rules", late, 200_000),
            ("JSON objects of others, rules off", json, 150_000),
        )
    ]  # fmt: skip
    clear()
    show(
        f"Durable ingest through HTTP ({off.events:,} events; medians of {repeats})",
        ("", "events/s a core", "goal", "CPU s per million", "events/s wall", "ack p50 / p99 ms"),
        rows,
    )


def _store_and_ask(stand: Stand, bodies: Path, events: int, repeats: int, folder: Path) -> None:
    stand.collector.start()
    stand.wait_until_up()
    loaded = load(stand, bodies, events, _TOLD)
    stand.collector.stop(120)
    hot = sizes(stand, events)
    sealed = seal(stand, _TOLD)
    archived = archive(stand, folder / "parquet", _TOLD)
    clear()
    show(
        f"Durable and indexed, sustained over {loaded.events:,} events",
        ("", "events/s a core", "goal", "CPU s per million", "wall s", "ack p50 / p99 ms"),
        [
            Row("stored", _per_core(loaded.events, loaded.stored_cpu_s), "", _cost(loaded.events, loaded.stored_cpu_s),
                f"{loaded.stored_s:.0f}", f"{loaded.ack_p50_ms:.0f} / {loaded.ack_p99_ms:.0f}"),
            Row("stored and indexed", _per_core(loaded.events, loaded.indexed_cpu_s), "90,000",
                _cost(loaded.events, loaded.indexed_cpu_s), f"{loaded.indexed_s:.0f}", ""),
            Row("sealed", _per_core(sealed.events, sealed.cpu_s), "", _cost(sealed.events, sealed.cpu_s),
                f"{sealed.wall_s:.0f}", ""),
            Row("archived as Parquet", _per_core(archived.events, archived.cpu_s), "",
                _cost(archived.events, archived.cpu_s), f"{archived.wall_s:.0f}", ""),
        ],
    )  # fmt: skip
    show(
        "Bytes an event",
        ("", "together", "goal", "blocks", "index"),
        [
            Row("hot", f"{hot.together:.1f}", "115", f"{hot.block_bytes:.1f}", f"{hot.index_bytes:.1f}"),
            Row(
                "sealed",
                f"{sealed.sizes.together:.1f}",
                "95",
                f"{sealed.sizes.block_bytes:.1f}",
                f"{sealed.sizes.index_bytes:.1f}",
            ),
            Row("Parquet", f"{archived.event_bytes:.1f}", "52", "", ""),
        ],
    )
    stand.collector.start()
    stand.wait_until_up()
    wait_until_indexed(stand, _TOLD)
    wait_until_settled(stand, _TOLD)
    _ask(stand, bodies, events, repeats, archived)


def _ask(stand: Stand, bodies: Path, events: int, repeats: int, archived: Archived) -> None:
    asked = questions(_request_ids(bodies))
    answered = ask_each(stand, asked, max(repeats, 15), _TOLD)
    deep = ask_deep_page(stand, asked[0], repeats)
    others = ask_duckdb(archived.folder, asked, repeats, _TOLD)
    clear()
    show(
        f"Questions at {events:,} events, through HTTP, warm (p50 of {max(repeats, 15)}, ms)",
        ("", "p50", "goal", "worst", "DuckDB on the same Parquet"),
        [
            Row(each.name, f"{each.p50_ms:.1f}", f"{each.goal_ms:g}", f"{each.worst_ms:.1f}",
                f"{others[each.name]:.0f}" if each.name in others else "")
            for each in (answered[0], deep, *answered[1:])
        ],
    )  # fmt: skip


def _all_at_once(stand: Stand, bodies: Path, seed: int, kept: Path, folder: Path) -> None:
    """Ask from many clients while new events of the following day come in as fast as they are taken."""
    day = write_corpus(kept / f"following-{seed}", 500_000, 1, _TOLD, seed=seed + 1, start_us=START_US + 10 * DAY_US)
    endless = folder / "endless"
    write_bodies(endless, itertools.chain.from_iterable(read_bodies(day) for _ in range(20)))
    before = metric(stand, "watchbook_store_events")
    sender = start_sending(stand, endless)
    try:
        _TOLD(f"{_CLIENTS} clients while events come in")
        mixed = asyncio.run(ask_mixed(stand, questions(_request_ids(bodies)), _CLIENTS, _MIXED_S))
        came = metric(stand, "watchbook_store_events") - before
        behind = metric(stand, "watchbook_index_behind_events")
    finally:
        if sender.poll() is None:
            sender.kill()
            sender.wait()
        else:
            end_sending(sender)
    clear()
    show(
        f"{mixed.clients} clients with mixed questions for {mixed.seconds:.0f} s while events come in at full speed",
        ("", "", "goal"),
        [
            Row("questions a second", f"{mixed.answers / mixed.seconds:.0f}", "100"),
            Row("p50 / p99, ms", f"{mixed.p50_ms:.0f} / {mixed.p99_ms:.0f}", "- / 400"),
            Row("events stored a second", f"{came / mixed.seconds:,.0f}", "200,000"),
            Row("events not indexed at the end", f"{behind:,.0f}", ""),
            Row("slowest", mixed.worst, ""),
            Row("questions refused (503)", str(mixed.refused), "0"),
        ],
    )


def _request_ids(bodies: Path) -> list[str]:
    """Return some request ids that are stored: one of every hundredth batch."""
    found = []
    for _, body in itertools.islice(read_bodies(bodies), 0, None, 100):
        column = decode_batch(body, bytes_max=1 << 27).column("source.request_id")
        found.extend([value for value in column or () if value][:1])
    return found or ["none"]


def _empty(folder: Path) -> Path:
    empty = folder / "no-rules"
    empty.mkdir(exist_ok=True)
    return empty


def _per_core(events: int, cpu_s: float) -> str:
    return f"{events / cpu_s:,.0f}" if cpu_s else "-"


def _cost(events: int, cpu_s: float) -> str:
    return f"{cpu_s / events * 1e6:.2f}" if events else "-"


if __name__ == "__main__":
    sys.exit(main())
