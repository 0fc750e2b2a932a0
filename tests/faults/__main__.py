"""``make faults``: real processes are killed, logs rotate, the collector goes away; every line must be stored once.

Prints a line a scenario (``lost 0 doubled 0``) and exits 1 when a line is lost or doubled.  The last run takes the
collector's sequence guard away and must show doubled lines, or the test itself would prove nothing.
"""

import argparse
import sys
import time

from tests.faults.scenario import SCENARIOS, Result, Scenario, run_scenario
from tests.faults.store import StoreResult, run_store_scenario
from tests.progress import progress

_ATTEMPTS_TO_FAIL = 5
_STORE = "store"


def main() -> int:
    """Run what the arguments ask for and return the exit code."""
    parser = argparse.ArgumentParser(prog="make faults ARGS=…", description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=200_000, help="lines a scenario (200000)")
    parser.add_argument("--rate", type=int, default=20_000, help="lines a second (20000)")
    parser.add_argument("--seed", type=int, default=None, help="of the random moments (default: another each time)")
    parser.add_argument("--scenario", choices=[*map(_word, SCENARIOS), _STORE], help="only this one")
    parser.add_argument("--kills", type=int, default=12, help="processes killed in the scenario 'store' (12)")
    parser.add_argument("--break-guard", action="store_true", help="without the sequence guard: must fail")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else time.time_ns() % 1_000_000
    chosen = [s for s in SCENARIOS if arguments.scenario in (None, _word(s))]
    print(f"seed {seed}" + (f", {arguments.lines:,} numbered lines at {arguments.rate:,} a second" if chosen else ""))
    perfect = True
    for scenario in chosen:
        result = run_scenario(
            scenario, lines=arguments.lines, rate=arguments.rate, seed=seed, guarded=not arguments.break_guard,
            progress=progress(),
        )  # fmt: skip
        _show(result)
        perfect = perfect and result.is_perfect
    if arguments.scenario in (None, _STORE):
        store_result = run_store_scenario(
            kills=arguments.kills, seed=seed, guarded=not arguments.break_guard, progress=progress()
        )
        _show_store(store_result)
        perfect = perfect and store_result.is_perfect
    if not arguments.break_guard and arguments.scenario is None:
        perfect = _show_that_it_can_fail(seed) and perfect
    return 0 if perfect else 1


def _show_that_it_can_fail(seed: int) -> bool:
    """Return whether lines are doubled without the guard; a kill may by chance fall between two batches, so it is tried
    at several moments."""
    for attempt in range(_ATTEMPTS_TO_FAIL):
        result = run_scenario(
            SCENARIOS[0], lines=60_000, rate=20_000, seed=seed + attempt, guarded=False, progress=progress()
        )
        found = f"lost {result.lost} doubled {result.doubled}"
        print(f"without the sequence guard  {found}  (must be doubled: the test can fail)", flush=True)
        if result.doubled:
            return True
    return False


def _word(scenario: Scenario) -> str:
    return scenario.name.split()[0].rstrip(":")


def _show_store(result: StoreResult) -> None:
    start = "\r\033[K" if sys.stdout.isatty() else ""
    killed = " ".join(f"{kind} {count}" for kind, count in sorted(result.kills.items()))
    segments = " ".join(f"{tier} {count}" for tier, count in sorted(result.segments.items()))
    title = f"store: {result.kills.total()} x kill -9"
    print(
        f"{start}{title:<26}  lost {result.lost} doubled {result.doubled}"
        f"  (acknowledged {result.acknowledged:,}; killed: {killed}; segments: {segments}; {result.seconds:.0f} s)",
        flush=True,
    )
    print(result.wrong or "  verify is content; every answer is the same after a full reindex", flush=True)


def _show(result: Result) -> None:
    start = "\r\033[K" if sys.stdout.isatty() else ""
    print(
        f"{start}{result.scenario.name:<26}  lost {result.lost} doubled {result.doubled}"
        f"  (written {result.written:,}, stored {result.stored:,}, {result.seconds:.0f} s)",
        flush=True,
    )
    if result.evidence:
        print(result.evidence)


if __name__ == "__main__":
    sys.exit(main())
