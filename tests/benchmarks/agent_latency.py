"""From the append of a line to its acknowledgement, at a steady rate and with default settings; every line counts.

Once against the sink, and once with a real collector behind it, whose acknowledgement means that the line is on disk.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.agent_stand import agent_stand
from tests.benchmarks.sink import read_kept
from tests.stand import Program, Stand, free_port, wait_for
from watchbook import wire
from watchbook.clock import format_rfc3339, now_us

_SLICE_S = 0.001


class Acknowledged(NamedTuple):
    """Milliseconds from append to acknowledgement, sorted; the part of a core that the agent used meanwhile."""

    rate: int
    lines: int
    milliseconds: list[float]
    agent_cpu: float

    def percentile(self, part: float) -> float:
        """Return the time within which this part of the lines was acknowledged."""
        return self.milliseconds[min(len(self.milliseconds) - 1, int(len(self.milliseconds) * part))]


def measure_to_sink(rate: int, seconds: float, progress: Callable[[str], None]) -> Acknowledged:
    """Measure until the sink acknowledges: the agent's part."""
    with agent_stand("jsonl", keep=True) as stand:
        stand.start()
        before = stand.agent.cpu_s()
        lines = append_lines(stand.logs / "app.log", rate, seconds, progress)
        used = (stand.agent.cpu_s() - before) / seconds
        stand.wait_until_sent(lines, 60)
        return Acknowledged(rate, lines, _delays(stand.kept), used)


def measure_to_collector(rate: int, seconds: float, progress: Callable[[str], None]) -> Acknowledged:
    """Measure until a real collector has committed; a process in between notes when its answers come."""
    folder = Path(tempfile.mkdtemp(prefix="watchbook-bench-"))
    stand, port, kept = Stand(folder / "stand"), free_port(), folder / "kept"
    between = Program(
        "between",
        ("-m", "tests.benchmarks.sink", "--port", str(port), "--keep", str(kept), "--forward", str(stand.port)),
        folder / "between.out",
    )
    try:
        stand.agent_yaml.write_text(stand.agent_yaml.read_text().replace(stand.url, f"http://127.0.0.1:{port}"))
        stand.collector.start()
        stand.wait_until_up()
        between.start()
        stand.agent.start()
        wait_for("the agent to run", lambda: stand.agent_status().get("running"), 60, stand.evidence)
        before = stand.agent.cpu_s()
        lines = append_lines(stand.logs / "app.log", rate, seconds, progress)
        used = (stand.agent.cpu_s() - before) / seconds
        if not stand.wait_until_stored(lines, 60):
            raise RuntimeError(f"only {stand.stored_events()} of {lines} lines were stored\n{stand.evidence()}")
        return Acknowledged(rate, lines, _delays(kept), used)
    finally:
        stand.close()
        if between.is_running():
            between.kill()
        shutil.rmtree(folder, ignore_errors=True)


def append_lines(path: Path, rate: int, seconds: float, progress: Callable[[str], None]) -> int:
    """Append lines at a rate, each with the microsecond of its append; return how many."""
    began, written = time.monotonic(), 0
    with path.open("ab", buffering=0) as file:
        while (passed := time.monotonic() - began) < seconds:
            due = int((passed + _SLICE_S) * rate) - written
            if due:
                stamp = format_rfc3339(now_us())
                file.write("".join(_line(stamp, written + number) for number in range(due)).encode())
                written += due
                progress(f"latency: {written:,} lines")
            time.sleep(_SLICE_S)
    return written


def _line(stamp: str, number: int) -> str:
    return (
        f'{{"ts":"{stamp}","user":"user{number % 500}","action":"viewed",'
        f'"resource":{{"type":"report","id":"r{number % 99}"}},'
        f'"status":"success","duration_ms":12,"request_id":"req_{number:012x}","msg":"user viewed report"}}\n'
    )


def _delays(kept: Path) -> list[float]:
    delays: list[float] = []
    for moment, body in read_kept(kept):
        delays.extend((moment - time_us) / 1000 for time_us in wire.decode_times(body, bytes_max=1 << 28))
    return sorted(delays)
