"""One fault scenario: write, rotate, kill, cut off; then compare what is stored with what was written, by number."""

import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.faults.writer import LineWriter, Rotation
from tests.stand import COLLECTOR, Program, Stand, wait_for

_RESTART_AFTER_S = 0.5
_DELIVERY_S = 180.0


class Scenario(NamedTuple):
    """What happens while the lines are written.  ``down_s``: how long the collector is away after the first second.

    ``away_s``: the agent is killed just before every rotation, and stays away so long.
    """

    name: str
    rotation: Rotation = "none"
    rotations: int = 0
    agent_kills: int = 0
    collector_kills: int = 0
    down_s: float = 0.0
    away_s: float = 0.0


class Result(NamedTuple):
    """What came of it."""

    scenario: Scenario
    written: int
    stored: int
    lost: int
    doubled: int
    seconds: float
    evidence: str

    @property
    def is_perfect(self) -> bool:
        """Whether every line is stored once."""
        return self.lost == 0 and self.doubled == 0 and self.written == self.stored


SCENARIOS = (
    Scenario("rename rotation + kill -9", "rename", rotations=5, agent_kills=3, collector_kills=3),
    Scenario("copytruncate + kill -9", "copytruncate", rotations=5, agent_kills=3, collector_kills=3),
    Scenario("gzip in the agent's absence", "gzip", rotations=4, collector_kills=1, away_s=1.0),
    Scenario("down: collector 30 s away", down_s=30.0),
)


def run_scenario(
    scenario: Scenario, *, lines: int, rate: int, seed: int, guarded: bool, progress: Callable[[str], None]
) -> Result:
    """Run a scenario in a throw-away folder and return what came of it."""
    folder = Path(tempfile.mkdtemp(prefix="watchbook-faults-"))
    command = COLLECTOR if guarded else ("-m", "tests.faults.broken_collector")
    stand = Stand(folder / "stand", collector_command=command)
    began = time.monotonic()
    try:
        stand.collector.start()
        stand.wait_until_up()
        stand.agent.start()
        # An agent that was never up has nothing to remember; from here on it must not lose a line.
        wait_for("the agent to run", lambda: stand.agent_status().get("running"), 60, stand.evidence)
        written = _write_among_faults(stand, scenario, lines, rate, seed, progress)
        progress(f"{scenario.name}: written {written:,}, waiting for the rest to arrive")
        stand.wait_until_stored(written, _DELIVERY_S)
        numbers = stand.stored_numbers()
        lost = sum(1 for number in range(written) if not numbers[number])
        doubled = sum(count - 1 for count in numbers.values() if count > 1)
        evidence = "" if lost == doubled == 0 else f"{_ranges(written, numbers)}\n{stand.evidence()}"
        return Result(scenario, written, numbers.total(), lost, doubled, time.monotonic() - began, evidence)
    finally:
        stand.close()
        shutil.rmtree(folder, ignore_errors=True)


def _ranges(written: int, numbers: Counter[int]) -> str:
    """Say which numbers are lost or doubled, as ranges."""
    wrong = [number for number in range(written) if numbers[number] != 1]
    ranges: list[list[int]] = []
    for number in wrong:
        if ranges and (ranges[-1][1], numbers[ranges[-1][0]]) == (number - 1, numbers[number]):
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return "; ".join(f"{first} to {last}: {numbers[first]} times" for first, last in ranges[:20])


def _write_among_faults(
    stand: Stand, scenario: Scenario, lines: int, rate: int, seed: int, progress: Callable[[str], None]
) -> int:
    def tell(written: int) -> None:
        progress(f"{scenario.name}: written {written:,} of {lines:,}")

    draw = random.Random(seed)
    writer = LineWriter(
        stand.logs / "app.log", lines=lines, rate=rate, rotation=scenario.rotation, rotations=scenario.rotations,
        seed=seed, progress=tell,
    )  # fmt: skip
    faults = [
        threading.Thread(target=_kill_at, args=(stand.agent, _moments(draw, scenario.agent_kills, lines / rate))),
        threading.Thread(
            target=_kill_at, args=(stand.collector, _moments(draw, scenario.collector_kills, lines / rate))
        ),
    ]
    if scenario.away_s:
        before = [max(0.0, moment - scenario.away_s / 2) for moment in writer.moments]
        faults[0] = threading.Thread(target=_kill_at, args=(stand.agent, before, scenario.away_s))
    if scenario.down_s:
        faults = [threading.Thread(target=_take_down, args=(stand.collector, scenario.down_s))]
    for thread in (writer, *faults):
        thread.start()
    for thread in (writer, *faults):
        thread.join()
    return writer.written


def _moments(draw: random.Random, count: int, seconds: float) -> list[float]:
    return sorted(draw.uniform(0.2, seconds - 0.2) for _ in range(count))


def _kill_at(program: Program, moments: list[float], away_s: float = _RESTART_AFTER_S) -> None:
    began = time.monotonic()
    for moment in moments:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        program.kill()
        time.sleep(away_s)
        program.start()


def _take_down(program: Program, seconds: float) -> None:
    time.sleep(1.0)
    program.kill()
    time.sleep(seconds)
    program.start()
