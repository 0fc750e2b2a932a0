"""Seals all finished segments of a stopped collector with its own command, and measures it."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from collector.store.reader import SegmentReader
from tests.benchmarks.store.loading import Sizes
from tests.stand import Stand


class Sealed(NamedTuple):
    """CPU seconds for the events that were sealed, and the bytes of an event that they take now."""

    events: int
    cpu_s: float
    wall_s: float
    sizes: Sizes


def seal(stand: Stand, progress: Callable[[str], None]) -> Sealed:
    """Seal what is finished; the newest segment stays hot."""
    progress("sealing")
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "watchbook", "collector", "seal", "--config", str(stand.collector_yaml)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"sealing failed: {done.stderr}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    reader = SegmentReader(stand.folder / "collector" / "segments", 1 << 30)
    found = [segment for segment in reader.segments() if segment.tier == "sealed"]
    reader.close()
    events = sum(segment.rows for segment in found)
    sizes = Sizes(
        sum(segment.path.stat().st_size for segment in found) / max(events, 1),
        sum(segment.index_path.stat().st_size for segment in found) / max(events, 1),
    )
    return Sealed(events, cpu_s, time.monotonic() - began, sizes)
