"""``make faults``: real processes are killed, logs rotate, the collector goes away; every line must be stored once.

Prints a line a scenario (``lost 0 doubled 0`` and what really happened) and exits 1 when a line is lost or doubled, or
a fault did not happen that was to happen.  The last run takes the collector's sequence guard away and must show doubled
lines, or the test itself would prove nothing.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from tests.faults.rules import RulesResult, run_rules_scenario
from tests.faults.scenarios import FAST, SCENARIOS, SLOW, run
from tests.faults.store import StoreResult, run_store_scenario
from tests.faults.trial import Options, Result
from tests.progress import clear, progress

_ATTEMPTS_TO_FAIL = 5
_STORE, _RULES = "store", "rules"
_STORE_KILLS, _RULES_KILLS = 12, 20


def main() -> int:
    """Run what the arguments ask for and return the exit code."""
    parser = argparse.ArgumentParser(prog="make faults ARGS=…", description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=200_000, help="lines of a scenario with rotations (200000)")
    parser.add_argument("--rate", type=int, default=20_000, help="lines a second (20000)")
    parser.add_argument("--seed", type=int, default=None, help="of the random moments (default: another each time)")
    parser.add_argument("--outage", type=float, default=15.0, help="seconds that the collector is away (15)")
    parser.add_argument(
        "--scenario",
        choices=[*SCENARIOS, _STORE, _RULES],
        action="append",
        help="only this one (may be given several times)",
    )
    parser.add_argument("--jobs", type=int, default=3, help="scenarios at a time, of those that mostly wait (3)")
    parser.add_argument(
        "--kills", type=int, default=None, help="processes killed in the scenarios 'store' (12) and 'rules' (20)"
    )
    parser.add_argument("--break-guard", action="store_true", help="without the sequence guard: must fail")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else time.time_ns() % 1_000_000
    options = Options(
        arguments.lines, arguments.rate, seed, arguments.outage, guarded=not arguments.break_guard, progress=progress()
    )
    chosen = arguments.scenario or [*SCENARIOS, _STORE, _RULES]
    print(f"seed {seed}; rotations among {arguments.lines:,} numbered lines at {arguments.rate:,} a second", flush=True)
    began, perfect = time.monotonic(), True
    for result in _results([word for word in SCENARIOS if word in chosen], options, arguments.jobs):
        _show(result)
        perfect = perfect and result.is_perfect
    if _STORE in chosen:
        store_result = run_store_scenario(
            kills=arguments.kills or _STORE_KILLS, seed=seed, guarded=options.guarded, progress=options.progress
        )
        _show_store(store_result)
        perfect = perfect and store_result.is_perfect
    if _RULES in chosen:
        perfect = _rules(arguments.kills or _RULES_KILLS, options) and perfect
    if options.guarded and arguments.scenario is None:
        perfect = _show_that_it_can_fail(options) and perfect
    print(f"{'all as it must be' if perfect else 'FAILED'} after {time.monotonic() - began:.0f} s")
    return 0 if perfect else 1


def _results(words: list[str], options: Options, jobs: int) -> Iterator[Result]:
    """Yield what came of the scenarios as they end: of those that need the machine for themselves one by one."""
    yield from (run(word, options) for word in words if word in FAST)
    with ThreadPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(run, word, options) for word in words if word in SLOW]):
            yield done.result()


def _show_that_it_can_fail(options: Options) -> bool:
    """Return whether lines are doubled without the guard; a kill may by chance fall between two batches, so it is tried
    at several moments."""
    for attempt in range(_ATTEMPTS_TO_FAIL):
        broken = options._replace(lines=60_000, rate=20_000, seed=options.seed + attempt, guarded=False)
        result = run("rename", broken)
        clear()
        found = f"lost {result.lost} doubled {result.doubled}"
        print(f"{'without the sequence guard':<34}  {found}  (must be doubled: the test can fail)", flush=True)
        if result.doubled:
            return True
    return False


def _rules(kills: int, options: Options) -> bool:
    """Return whether no alert is missing or doubled, and whether they are when the test is made to fail."""
    result = run_rules_scenario(kills=kills, seed=options.seed, progress=options.progress)
    _show_rules(f"rules: {kills} x kill -9", result)
    print(result.wrong or "  each alert once, told at least once, one key for each of its states", flush=True)
    for attempt in range(_ATTEMPTS_TO_FAIL):
        broken = run_rules_scenario(
            kills=_RULES_KILLS, seed=options.seed + attempt, forgetful=True, progress=options.progress
        )
        _show_rules("watermark written apart from alerts", broken, "  (must be missing: the test can fail)")
        if broken.missing:
            return result.is_perfect
    return False


def _show_rules(title: str, result: RulesResult, words: str = "") -> None:
    clear()
    print(
        f"{title:<34}  missing {result.missing} too many {result.doubled}{words}"
        f"  (expected {result.expected:,}; {result.in_start} of {result.kills} kills in the start; "
        f"{result.sent_again} sent again; {result.seconds:.0f} s)",
        flush=True,
    )


def _show_store(result: StoreResult) -> None:
    clear()
    killed = " ".join(f"{kind} {count}" for kind, count in sorted(result.kills.items()))
    segments = " ".join(f"{tier} {count}" for tier, count in sorted(result.segments.items()))
    title = f"store: {result.kills.total()} x kill -9"
    print(
        f"{title:<34}  lost {result.lost} doubled {result.doubled}"
        f"  (acknowledged {result.acknowledged:,}; killed: {killed}; segments: {segments}; {result.seconds:.0f} s)",
        flush=True,
    )
    print(result.wrong or "  verify is content; every answer is the same after a full reindex", flush=True)


def _show(result: Result) -> None:
    clear()
    if result.skipped:
        print(f"{result.title:<34}  skipped: {result.skipped}", flush=True)
        return
    facts = "; ".join((f"written {result.written:,}, stored {result.stored:,}", *result.facts))
    verdict = f"lost {result.lost} doubled {result.doubled}" + ("" if result.is_perfect else "  WRONG")
    print(f"{result.title:<34}  {verdict}  ({facts}; {result.seconds:.0f} s)", flush=True)
    for text in result.wrong:
        print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
