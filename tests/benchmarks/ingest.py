"""What durable ingest through HTTP costs: agents' batches and posted JSON, into a real collector.

CPU is read from ``/proc`` and covers all of the server's work from the first request until every event is stored and,
with rules, evaluated.  The collector's children (index, queries) are counted apart.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.benchmarks.ingest_client import Job, Sent, write_bodies
from tests.stand import Stand, wait_for
from watchbook import wire

_TICKS_S = 0.01
_TIMEOUT_S = 600


class IngestFigures(NamedTuple):
    """Medians over the repeats.

    ``events_per_s`` is wall time with the sender on the same machine.  CPU is in seconds per million events, which is
    microseconds an event: ``main`` the collector's first process, ``children`` the others together.  ``behind_s`` is
    how long after the last answer the rules had read everything.
    """

    events: int
    repeats: int
    events_per_s: float
    main_cpu_s: float
    children_cpu_s: float
    ack_p50_ms: float
    ack_p99_ms: float
    behind_s: float
    retries: int

    @property
    def events_per_core_s(self) -> float:
        """Events that one core of the server takes in a second."""
        return 1e6 / self.main_cpu_s


def measure_ingest(
    batches: Sequence[tuple[int, bytes]],
    *,
    rules: bool = False,
    connections: int = 8,
    repeats: int = 5,
    progress: Callable[[str], None] = lambda _: None,
) -> IngestFigures:
    """Send encoded batches, (events, bytes), as agents do: ``connections`` streams, one batch of each in flight."""
    job = Job(0, "/v1/batches", wire.CONTENT_TYPE, "", "", connections, streams=True)
    return _measure(batches, job, rules=rules, repeats=repeats, progress=progress)


def measure_posted(
    bodies: Sequence[tuple[int, bytes]],
    *,
    content_type: str = "application/json",
    rules: bool = False,
    connections: int = 8,
    repeats: int = 5,
    progress: Callable[[str], None] = lambda _: None,
) -> IngestFigures:
    """Post bodies of JSON (arrays, or NDJSON with its content type), given as (events, bytes)."""
    job = Job(0, "/v1/events", content_type, "", "", connections, streams=False)
    return _measure(bodies, job, rules=rules, repeats=repeats, progress=progress)


class _Run(NamedTuple):
    sent: Sent
    main_cpu_s: float
    children_cpu_s: float
    behind_s: float


def _measure(
    bodies: Sequence[tuple[int, bytes]], job: Job, *, rules: bool, repeats: int, progress: Callable[[str], None]
) -> IngestFigures:
    folder = Path(tempfile.mkdtemp(prefix="watchbook-bench-"))
    try:
        job.bodies = str(folder / "bodies")
        write_bodies(folder / "bodies", bodies)
        runs = []
        for number in range(repeats):
            progress(f"{job.path}, rules {'on' if rules else 'off'}: run {number + 1} of {repeats}")
            runs.append(_run(folder / f"run{number}", job, rules=rules))
        return _figures(runs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _figures(runs: Sequence[_Run]) -> IngestFigures:
    median = statistics.median
    millions = runs[0].sent.events / 1e6
    return IngestFigures(
        events=runs[0].sent.events,
        repeats=len(runs),
        events_per_s=median(run.sent.events / run.sent.seconds for run in runs),
        main_cpu_s=median(run.main_cpu_s / millions for run in runs),
        children_cpu_s=median(run.children_cpu_s / millions for run in runs),
        ack_p50_ms=median(run.sent.ack_p50_ms for run in runs),
        ack_p99_ms=median(run.sent.ack_p99_ms for run in runs),
        behind_s=median(run.behind_s for run in runs),
        retries=sum(run.sent.retries for run in runs),
    )


def _run(folder: Path, job: Job, *, rules: bool) -> _Run:
    """Start a collector on an empty folder, send everything, and wait until the rules have read it."""
    empty = folder / "no-rules"
    empty.mkdir(parents=True)
    stand = Stand(folder / "stand", collector_extra="" if rules else f"rules: [{empty}]\n")
    try:
        stand.collector.start()
        stand.wait_until_up()
        pid = stand.collector.pid
        before = stand.collector.cpu_s(), descendants_cpu_s(pid)
        sent = _send(msgspec.structs.replace(job, port=stand.port, token=(folder / "stand/agent.token").read_text()))
        began = time.monotonic()
        wait_for("the rules to read everything", lambda: _behind(stand) == 0, _TIMEOUT_S, stand.evidence)
        behind_s = time.monotonic() - began
        return _Run(sent, stand.collector.cpu_s() - before[0], descendants_cpu_s(pid) - before[1], behind_s)
    finally:
        stand.close()
        shutil.rmtree(folder, ignore_errors=True)


def _send(job: Job) -> Sent:
    command = [sys.executable, "-m", "tests.benchmarks.ingest_client"]
    done = subprocess.run(
        command, input=msgspec.json.encode(job), stdout=subprocess.PIPE, timeout=_TIMEOUT_S, check=True
    )
    return msgspec.json.decode(done.stdout, type=Sent)


def _behind(stand: Stand) -> float:
    request = urllib.request.Request(f"{stand.url}/metrics", headers={"Authorization": f"Bearer {stand.token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith("watchbook_rules_behind_events ")).split()[1])


def descendants_cpu_s(pid: int) -> float:
    """Return the CPU seconds of the processes below one, those that ended included once they were waited for."""
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _read(task / "children").split()
    ]
    fields = _read(Path(f"/proc/{pid}/stat")).rsplit(")", 1)[-1].split()
    ended = (int(fields[13]) + int(fields[14])) * _TICKS_S if fields else 0.0
    return ended + sum(_own_cpu_s(child) + descendants_cpu_s(child) for child in children)


def _own_cpu_s(pid: int) -> float:
    fields = _read(Path(f"/proc/{pid}/stat")).rsplit(")", 1)[-1].split()
    return (int(fields[11]) + int(fields[12])) * _TICKS_S if fields else 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
