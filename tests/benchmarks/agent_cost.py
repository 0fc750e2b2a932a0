"""What the agent alone costs: CPU for a backlog of lines, resident memory, and the CPU of watching files at rest.

Measured against a sink that only acknowledges.  End to end: read, normalised, scanned for secrets, spooled with
``synchronous=FULL``, compressed, sent over HTTP, acknowledged.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.agent_stand import CASES, AgentStand, Case, agent_stand, write_lines
from tests.benchmarks.calibration import calibrate

_SAMPLE_S = 0.25
_SLICE_S = 0.01


class LinesCost(NamedTuple):
    """CPU seconds per million lines of each run, with the calibration measured right before it."""

    case: Case
    lines: int
    line_bytes: int
    cpu_s: list[float]
    calibration_s: list[float]

    @property
    def median(self) -> tuple[float, float]:
        """The median run, and the median calibration."""
        return statistics.median(self.cpu_s), statistics.median(self.calibration_s)


def measure_lines(case: Case, lines: int, runs: int, progress: Callable[[str], None]) -> LinesCost:
    """Give an agent that already runs a file of so many lines, as often as there are runs, a new agent each time."""
    with tempfile.TemporaryDirectory(prefix="watchbook-bench-") as folder:
        log = Path(folder) / "lines"
        progress(f"{case.name}: writing {lines:,} lines")
        found = LinesCost(case, lines, write_lines(log, case, lines) // lines, [], [])
        for run in range(runs):
            progress(f"{case.name}: run {run + 1} of {runs}")
            with agent_stand(case.profile) as stand:
                shutil.copy(log, stand.folder / "prepared")
                stand.start()
                found.calibration_s.append(calibrate())
                before = stand.agent.cpu_s()
                (stand.folder / "prepared").rename(stand.logs / "app.log")
                stand.wait_until_sent(lines // case.lines_each, 600)
                found.cpu_s.append((stand.agent.cpu_s() - before) / lines * 1e6)
    return found


class Memory(NamedTuple):
    """Resident bytes: at rest; the most seen at a rate of lines; the most ever while a backlog was drained."""

    idle: int
    steady: int
    rate: int
    backlog: int
    backlog_lines: int
    steady_cpu: float


def measure_memory(rate: int, seconds: float, backlog_lines: int, progress: Callable[[str], None]) -> Memory:
    """Let one agent rest, follow a file that grows, and drain a backlog of JSON lines."""
    case = CASES[0]
    with agent_stand(case.profile) as stand:
        prepared = stand.folder / "prepared"
        progress(f"memory: writing {backlog_lines:,} lines")
        write_lines(prepared, case, backlog_lines)
        stand.start()
        time.sleep(2)
        idle = stand.agent.resident_bytes()
        before = stand.agent.cpu_s()
        written, steady = _follow(stand, case, rate, seconds, progress)
        steady_cpu = (stand.agent.cpu_s() - before) / seconds
        stand.agent.forget_peak()
        prepared.rename(stand.logs / "backlog.log")
        progress(f"memory: draining {backlog_lines:,} lines")
        stand.wait_until_sent(written + backlog_lines, 900)
        return Memory(idle, steady, rate, stand.agent.peak_bytes(), backlog_lines, steady_cpu)


def _follow(
    stand: AgentStand, case: Case, rate: int, seconds: float, progress: Callable[[str], None]
) -> tuple[int, int]:
    """Write lines at a rate; return how many, and the most memory seen meanwhile."""
    line, written, most = case.make(8), 0, 0
    began = sampled = time.monotonic()
    with (stand.logs / "app.log").open("ab", buffering=0) as file:
        while (passed := time.monotonic() - began) < seconds:
            due = int((passed + _SLICE_S) * rate) - written
            file.write(b"".join(line(1_793_577_600_000_000 + (written + number) * 1000) for number in range(due)))
            written += due
            if time.monotonic() - sampled > _SAMPLE_S:
                sampled = time.monotonic()
                most = max(most, stand.agent.resident_bytes())
                progress(f"memory at {rate:,} lines a second: {most / 1e6:.1f} MB")
            time.sleep(_SLICE_S)
    stand.wait_until_sent(written, 60)
    return written, most


class Idle(NamedTuple):
    """The part of a core that an agent uses while nothing happens to the files it watches."""

    files: int
    cpu: float
    resident: int


def measure_idle(files: int, seconds: float, progress: Callable[[str], None]) -> Idle:
    """Watch so many files in one folder, of which none changes."""
    case = CASES[0]
    line = case.make(9)
    with agent_stand(case.profile) as stand:
        for number in range(files):
            Path(stand.logs / f"app{number}.log").write_bytes(line(1_793_491_200_000_000 + number))
        progress(f"idle: reading {files:,} files")
        stand.start()
        stand.wait_until_sent(files, 300)
        time.sleep(3)
        progress(f"idle: watching {files:,} files for {seconds:.0f} s")
        before, began = stand.agent.cpu_s(), time.monotonic()
        time.sleep(seconds)
        used = stand.agent.cpu_s() - before
        return Idle(files, used / (time.monotonic() - began), stand.agent.resident_bytes())
