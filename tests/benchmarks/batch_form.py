"""What each form of the batch costs the agent and the collector together: ``python -m tests.benchmarks.batch_form``.

Three forms of the same events: columns with codes (what is sent), plain columns (version 1, which the collector reads
too), and rows as arrays under one row of field names.  The agent's part is what comes after the rows of a profile are
there: encoding and compression.  The collector's part is measured twice: decompressing, decoding, checking and coding
every column in this process, and all the CPU of a real collector with its index process, without rules.  It does not
read rows: its figure for them is that of plain columns, with the decoding exchanged.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from agent.parse import FORMATS
from agent.profile import compile_profile, load_profiles
from agent.redact import RedactSettings, make_redactor
from tests.benchmarks.calibration import calibrate
from tests.benchmarks.ingest import measure_ingest
from watchbook import wire
from watchbook.coded import code_column
from watchbook.columns import Columns
from watchbook.demo.applog import app_lines
from watchbook.event import FIELD_BY_NAME
from watchbook.shipped import shipped_folder

_START_US = 1_793_491_200_000_000
_STEP_US = 86_400
_BYTES_MAX = 1 << 28

_CELLS: dict[str, Any] = {
    "text": str | None,
    "integer": int | None,
    "number": int | float | None,
    "numbers": dict[str, int | float] | None,
    "texts": list[str] | None,
    "object": msgspec.Raw,
    "changes": msgspec.Raw,
    "time": int,
}


class Table(NamedTuple):
    """The rows of one batch, as a profile makes them, and what all of them share."""

    fields: tuple[str, ...]
    constants: Mapping[str, str]
    rows: list[tuple[Any, ...]]
    offsets: list[int]

    def columns(self) -> dict[str, Any]:
        """Return the columns, without those of no value."""
        named = zip(self.fields, zip(*self.rows, strict=True), strict=True)
        filled = {name: values for name, values in named if values.count(None) < len(values)}
        return {**self.constants, **filled, "origin.offset": self.offsets}


def encode_coded(table: Table) -> bytes:
    """Return the JSON that agents send."""
    return wire.encode_json(len(table.rows), table.columns())


def encode_plain(table: Table) -> bytes:
    """Return the JSON of version 1: columns, times and offsets as differences, no codes."""
    columns = table.columns()
    for name in wire.DIFFERENCES:
        values = columns[name]
        columns[name] = [values[0], *(after - before for before, after in pairwise(values))]
    return msgspec.json.encode({"v": 1, "n": len(table.rows), "c": columns})


def encode_rows(table: Table) -> bytes:
    """Return the JSON of rows as arrays, with one row of names."""
    return msgspec.json.encode(
        {"n": len(table.rows), "k": table.constants, "f": table.fields, "o": table.offsets, "r": table.rows}
    )


def decode_columns(data: bytes) -> int:
    """Read a batch as the collector does, and give every text column the codes that its index wants."""
    batch = wire.decode_batch(data, bytes_max=_BYTES_MAX)
    assert isinstance(batch.columns, Columns)
    return sum(
        batch.coded(name) is not None or code_column(batch.column(name) or ()) is not None
        for name in batch.columns
        if FIELD_BY_NAME[name].kind == "text" and not isinstance(batch.columns.get(name), str)
    )


def decode_rows(fields: Sequence[str]) -> Callable[[bytes], int]:
    """Return what reads rows, makes columns of them, and gives every text column its codes."""
    row = msgspec.defstruct("Row", [(f"a{i}", _CELLS[FIELD_BY_NAME[f].kind]) for i, f in enumerate(fields)],
                            array_like=True, gc=False)  # fmt: skip
    kind = msgspec.defstruct("Rows", [("n", int), ("k", dict[str, str]), ("f", list[str]), ("o", list[int]),
                                      ("r", list[row])], gc=False)  # type: ignore[valid-type]  # fmt: skip
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode

    def read(data: bytes) -> int:
        found = decode(wire.decompress(data, bytes_max=_BYTES_MAX))
        columns = zip(found.f, zip(*map(msgspec.structs.astuple, found.r), strict=True), strict=True)
        return sum(
            code_column(values) is not None
            for name, values in columns
            if FIELD_BY_NAME[name].kind == "text" and values.count(None) < len(values)
        )

    return read


class Cost(NamedTuple):
    """Microseconds of CPU and bytes an event."""

    encode: float
    compress: float
    size: float
    decode: float
    collector: float | None

    @property
    def sum(self) -> float | None:
        """The agent's part and all of the collector's."""
        return None if self.collector is None else self.encode + self.compress + self.collector


def make_tables(events: int, per_batch: int) -> list[Table]:
    """Return the rows of application events, batch by batch."""
    profiles = load_profiles(shipped_folder("config") / "profiles")
    profile = compile_profile(profiles["jsonl"], FORMATS, make_redactor(RedactSettings()))
    constants = {
        **profile.constants,
        "origin.host": "web-1",
        "origin.agent": "web-1",
        "origin.file": "/var/log/app.log",
    }
    tables, lines, offset = [], list[bytes](), 0
    offsets: list[int] = []
    for line in app_lines(events, start_us=_START_US, step_us=_STEP_US):
        lines.append(line[:-1])
        offsets.append(offset)
        offset += len(line)
        if len(lines) == per_batch:
            tables.append(Table(profile.fields, constants, profile(lines, _START_US).rows, offsets))
            lines, offsets = [], []
    return tables


def measure(tables: Sequence[Table], encode: Callable[[Table], bytes], decode: Callable[[bytes], int]) -> Cost:
    """Return what a form costs, the collector's own part not measured."""
    events = sum(len(table.rows) for table in tables)
    encode_us, jsons = _timed(lambda: [encode(table) for table in tables], events)
    compress_us, bodies = _timed(lambda: [wire.compress(data) for data in jsons], events)
    decode_us, _ = _timed(lambda: [decode(body) for body in bodies], events)
    return Cost(encode_us, compress_us, sum(map(len, bodies)) / events, decode_us, None)


def _timed(call: Callable[[], Any], events: int, repeats: int = 5) -> tuple[float, Any]:
    taken, made = [], None
    for _ in range(repeats):
        began = time.process_time()
        made = call()
        taken.append(time.process_time() - began)
    return statistics.median(taken) / events * 1e6, made


def whole_collector(tables: Sequence[Table], encode: Callable[[Table], bytes], repeats: int) -> float:
    """Return all the CPU that a real collector spends on an event, microseconds."""
    bodies = [(len(table.rows), wire.compress(encode(table))) for table in tables]
    found = measure_ingest(bodies, repeats=repeats)
    return found.main_cpu_s + found.children_cpu_s


def main() -> int:
    """Print the costs of the three forms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=153_600)
    parser.add_argument("--per-batch", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3, help="runs of the real collector")
    arguments = parser.parse_args()
    tables = make_tables(arguments.events, arguments.per_batch)
    print(
        f"calibration {calibrate():.3f} s; {arguments.events:,} events in batches of {arguments.per_batch}; us an event"
    )
    coded = measure(tables, encode_coded, decode_columns)
    plain = measure(tables, encode_plain, decode_columns)
    rows = measure(tables, encode_rows, decode_rows(tables[0].fields))
    coded = coded._replace(collector=whole_collector(tables, encode_coded, arguments.repeats))
    plain = plain._replace(collector=whole_collector(tables, encode_plain, arguments.repeats))
    assert plain.collector is not None
    rows = rows._replace(collector=plain.collector - plain.decode + rows.decode)
    print(f"{'':<20} {'encode':>7} {'zstd':>6} {'bytes':>6} {'decode+code':>12} {'all of collector':>17} {'sum':>6}")
    for name, cost in (("columns with codes", coded), ("plain columns", plain), ("rows as arrays", rows)):
        print(
            f"{name:<20} {cost.encode:>7.2f} {cost.compress:>6.2f} {cost.size:>6.1f} {cost.decode:>12.2f} "
            f"{cost.collector:>17.2f} {cost.sum:>6.2f}"
        )
    print(f"calibration {calibrate():.3f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
