"""What a backlog of lines costs: CPU seconds per million events and peak memory of the agent and of the collector."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.stand import Program, Stand, wait_for
from watchbook.demo.applog import AppLog

_START_US = 1_793_491_200_000_000  # 2026-11-01T00:00:00Z
_DAY_US = 86_400_000_000


class Cost(NamedTuple):
    """What a program used for the lines alone, and in all its life: CPU seconds, resident bytes."""

    cpu_s: float
    idle_bytes: int
    peak_bytes: int


class Throughput(NamedTuple):
    """The figures of one run."""

    lines: int
    line_bytes: int
    stored_bytes: int
    seconds: float
    agent: Cost
    collector: Cost


def write_lines(path: Path, lines: int, seed: int = 7) -> int:
    """Write lines of a JSON application over one day, and return their bytes."""
    log, step = AppLog(seed), _DAY_US // lines
    with path.open("wb") as file:
        for number in range(lines):
            file.write(log.line(_START_US + number * step))
    return path.stat().st_size


def measure_throughput(lines: int, progress: Callable[[str], None], *, rules_off: bool = False) -> Throughput:
    """Let an agent that already runs find a file of so many lines, and measure until all of them are stored."""
    folder = Path(tempfile.mkdtemp(prefix="watchbook-bench-"))
    empty = folder / "no-rules"
    empty.mkdir()
    stand = Stand(folder / "stand", collector_extra=f"rules: [{empty}]\n" if rules_off else "")
    try:
        prepared = folder / "prepared.log"
        progress(f"writing {lines:,} lines")
        size = write_lines(prepared, lines)
        for program in (stand.collector, stand.agent):
            program.start()
        stand.wait_until_up()
        wait_for("the agent to run", lambda: stand.agent_status().get("running"), 60, stand.evidence)
        before = [(program.cpu_s(), program.peak_bytes()) for program in (stand.agent, stand.collector)]
        began = time.monotonic()
        prepared.rename(stand.logs / "app.log")
        progress(f"reading {lines:,} lines")
        if not stand.wait_until_stored(lines, 600):
            raise RuntimeError(f"only {stand.stored_events()} of {lines} lines were stored\n{stand.evidence()}")
        seconds = time.monotonic() - began - 1.0
        agent, collector = (_cost(p, *b) for p, b in zip((stand.agent, stand.collector), before, strict=True))
        stored = sum(p.stat().st_size for p in (stand.folder / "collector" / "segments").glob("*.blk*"))
        return Throughput(lines, size // lines, stored, seconds, agent, collector)
    finally:
        stand.close()
        shutil.rmtree(folder, ignore_errors=True)


def _cost(program: Program, cpu_s: float, idle_bytes: int) -> Cost:
    return Cost(program.cpu_s() - cpu_s, idle_bytes, program.peak_bytes())


def machine() -> str:
    """Return words for where this is measured."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, load {load}"
