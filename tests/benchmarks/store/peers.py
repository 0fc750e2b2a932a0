"""The same questions put to DuckDB over the same events as Parquet, in this process, warm."""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from tests.benchmarks.store.questions import Question


def ask_duckdb(
    folder: Path, asked: Sequence[Question], repeats: int, progress: Callable[[str], None]
) -> dict[str, float]:
    """Return the p50 (milliseconds) of each kind of question over the ``*.parquet`` of a folder, as rows in Python."""
    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{folder}/*.parquet')")
    found: dict[str, float] = {}
    for question in asked:
        progress(f"asking DuckDB: {question.name}")
        draw = random.Random(5)
        connection.execute(question.make(random.Random(99)).sql).fetchall()
        times = []
        for _ in range(repeats):
            sql = question.make(draw).sql
            began = time.perf_counter()
            for statement in sql.split("; "):
                connection.execute(statement).fetchall()
            times.append((time.perf_counter() - began) * 1000)
        found[question.name] = statistics.median(times)
    return found
