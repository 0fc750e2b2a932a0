"""Logs rotate while both programs are killed; most rotations happen while the agent is away."""

import random
import threading
import time
from typing import Final

from tests.faults.trial import Options, Result, Trial
from tests.faults.writer import Rotator, Way
from tests.stand import Program

_KILLS: Final = 3
_ROTATIONS: Final = 5
#: Rotations in each of the moments: in three the agent is away, twice in one of them; in one it is up.
_PLAN: Final = (2, 1, 1, 0)
_COLLECTOR_AWAY_S: Final = 0.5


def rename(options: Options) -> Result:
    """Rename rotation."""
    with Trial("rename rotation + kill -9", options) as trial:
        return _rotate_among_kills(trial, "rename")


def copytruncate(options: Options) -> Result:
    """Copytruncate rotation."""
    with Trial("copytruncate + kill -9", options) as trial:
        return _rotate_among_kills(trial, "copytruncate")


def gzipped(options: Options) -> Result:
    """Rotation by renaming, and gzip(1) over what was rotated."""
    with Trial("gzip in the agent's absence", options) as trial:
        return _rotate_among_kills(trial, "gzip")


def globbed(options: Options) -> Result:
    """An input whose glob also matches the rotated names."""
    pattern = random.Random(options.seed).choice(("app.log*", "*.log*"))
    with Trial(f"glob {pattern}, .1 -> .2", options, pattern=pattern) as trial:
        return _rotate_among_kills(trial, "rename")


def _rotate_among_kills(trial: Trial, way: Way) -> Result:
    trial.start()
    options, draw = trial.options, trial.draw
    seconds = options.lines / options.rate
    killer = threading.Thread(target=_kill_at, args=(trial.stand.collector, _moments(draw, _KILLS, seconds)))
    writer = trial.writer(options.rate, least=options.lines)
    rotator = Rotator(writer, way)
    began, away, kills, packed = time.monotonic(), 0, 0, 0
    killer.start()
    plan = draw.sample(_PLAN, len(_PLAN))
    for slot, rotations in enumerate(plan):
        moment = (slot + draw.uniform(0.1, 0.6)) * seconds / len(plan)
        time.sleep(max(0.0, began + moment - time.monotonic()))
        if not rotations:
            rotator.rotate()
            continue
        trial.stand.agent.kill()
        kills += 1
        for _ in range(rotations):
            time.sleep(draw.uniform(0.0, 0.3))
            rotator.rotate()
            away += not trial.stand.agent.is_running()
        if way == "gzip" and draw.random() < 0.5:
            rotator.finish_packing()
            packed += 1
        time.sleep(draw.uniform(0.0, 0.4))
        trial.stand.agent.start()
    writer.finish()
    killer.join()
    rotator.finish_packing()
    trial.facts += [f"{rotator.rotated} rotations, {away} in the agent's absence", f"agent killed {kills} times"]
    trial.facts += [f"gzip through {packed} times before it was back"] if way == "gzip" else []
    trial.facts.append(f"collector killed {_KILLS} times")
    found = (rotator.rotated, away, kills)
    trial.expect(found == (_ROTATIONS, _ROTATIONS - 1, _KILLS), f"not what was to happen: {found}")
    return trial.conclude()


def _moments(draw: random.Random, count: int, seconds: float) -> list[float]:
    return sorted(draw.uniform(0.2, seconds) for _ in range(count))


def _kill_at(program: Program, moments: list[float]) -> None:
    began = time.monotonic()
    for moment in moments:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        program.kill()
        time.sleep(_COLLECTOR_AWAY_S)
        program.start()
