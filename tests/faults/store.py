"""The store's fault scenario: processes of the collector are killed at random while it stores, indexes, seals, archives
and deletes.

Then nothing acknowledged may be lost or doubled, ``watchbook verify`` must be content, and the same questions must have
the same answers before and after all indexes are made again.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from tests.faults.ingest import Numbers, Sender
from tests.faults.stored import answers, difference, stored_numbers, tiers
from tests.stand import COLLECTOR, Stand, wait_for
from watchbook.clock import format_rfc3339, now_us

#: A collector without its sequence guard.
BROKEN: Final = ("-m", "tests.faults.broken_collector")
#: Small, so that many segments are finished and sealed within the run, and the older half of them archived.
_SETTINGS: Final = """
store:
  segment_events_max: 3000
  checkpoint_every: 1s
index:
  flush_rows: 512
  flush_rows_min: 128
  flush_after: 200ms
  chunk_rows: 1024
retention:
  keep: forever
  archive_after: {archive_after_s}s
  every: 1s
  scopes:
    - {{org: fleeting, keep: 3s}}
processes:
  restart_max: 1s
"""
_TARGETS: Final = ("main", "main", "index", "index", "index", "query")
_PAUSE_S: Final = (0.05, 1.5)
_RATE: Final = 2000
_SETTLE_S: Final = 120.0


class StoreResult(NamedTuple):
    """What came of it.  ``wrong`` says what was not as it must be, "" when all was."""

    kills: Counter[str]
    acknowledged: int
    lost: int
    doubled: int
    segments: Counter[str]
    seconds: float
    wrong: str

    @property
    def is_perfect(self) -> bool:
        """Whether nothing was wrong."""
        return not self.wrong and self.lost == 0 and self.doubled == 0


def run_store_scenario(*, kills: int, seed: int, guarded: bool, progress: Callable[[str], None]) -> StoreResult:
    """Run the scenario in a throw-away folder and return what came of it."""
    folder = Path(tempfile.mkdtemp(prefix="watchbook-faults-"))
    command = COLLECTOR if guarded else BROKEN
    stand = Stand(
        folder / "stand", collector_command=command, collector_extra=_SETTINGS.format(archive_after_s=kills + 10)
    )
    began, since = time.monotonic(), format_rfc3339(now_us() - 1_000_000)
    try:
        stand.collector.start()
        stand.wait_until_up()
        senders, killed = _send_among_kills(stand, kills, random.Random(seed), progress)
        until = format_rfc3339(now_us() + 1_000_000)
        wrong = [complaint for sender in senders for complaint in sender.complaints]
        progress("store: waiting for the indexes")
        _wait_until_settled(stand)
        wrong += _wrong_after_reindex(stand, since, until, progress)
        numbers = stored_numbers(stand)
        acknowledged = [number for sender in senders for kept in sender.kept for number in kept]
        lost = [number for number in acknowledged if not numbers[number]]
        doubled = [number for number, count in numbers.items() if count > 1]
        wrong += [f"{what}: {found[:20]} …" for what, found in (("lost", lost), ("doubled", doubled)) if found]
        if wrong:
            wrong.append(stand.evidence())
        seconds = time.monotonic() - began
        return StoreResult(killed, len(acknowledged), len(lost), len(doubled), tiers(stand), seconds, "\n".join(wrong))
    finally:
        stand.close()
        shutil.rmtree(folder, ignore_errors=True)


def _send_among_kills(
    stand: Stand, kills: int, draw: random.Random, progress: Callable[[str], None]
) -> tuple[list[Sender], Counter[str]]:
    token = (stand.folder / "agent.token").read_text().strip()
    numbers = Numbers()
    senders = [Sender(stand.port, token, numbers, rate=_RATE, plain=plain) for plain in (False, False, True)]
    killed: Counter[str] = Counter()
    for sender in senders:
        sender.start()
    try:
        for number in range(kills):
            progress(f"store: kill {number + 1} of {kills}")
            time.sleep(draw.uniform(*_PAUSE_S))
            killed[_kill_one(stand, draw)] += 1
        time.sleep(1.0)
    finally:
        if not stand.collector.is_running():
            stand.collector.start()
        for sender in senders:
            sender.stop.set()
        for sender in senders:
            sender.join(_SETTLE_S)
    for sender in senders:
        if sender.is_alive():
            sender.complaints.append(f"not acknowledged within {_SETTLE_S:g} s")
    return senders, killed


def _kill_one(stand: Stand, draw: random.Random) -> str:
    """Kill the main process, or one of the others, and return which kind it was."""
    kind = draw.choice(_TARGETS)
    others = [pid for pid, found in stand.collector.children().items() if found == kind]
    if kind == "main" or not others:  # one that is being started again just now
        stand.collector.kill()
        stand.collector.start()
        if draw.random() < 0.7:  # else the next kill falls into the start
            wait_for("the collector to answer", stand.is_up, 60, stand.evidence)
        return "main"
    with suppress(ProcessLookupError):
        os.kill(draw.choice(others), signal.SIGKILL)
    return kind


def _wait_until_settled(stand: Stand) -> None:
    """Wait until all is indexed and all that is finished is sealed."""

    def is_settled() -> bool:
        found = tiers(stand)
        return stand.is_ready() and found["hot"] == 1 and _behind(stand) == 0

    wait_for("the indexes", is_settled, _SETTLE_S, stand.evidence)


def _behind(stand: Stand) -> float:
    with urllib.request.urlopen(f"{stand.url}/metrics", timeout=30) as answer:
        found = re.search(r"^watchbook_index_behind_events (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else -1.0


def _wrong_after_reindex(stand: Stand, since: str, until: str, progress: Callable[[str], None]) -> list[str]:
    """Ask, stop, verify, make all indexes again, ask once more; return what was wrong."""
    before = answers(stand, since, until)
    stand.collector.stop()
    progress("store: verifying, and making all indexes again")
    wrong = _complaints_of(sys.executable, "-m", "watchbook", "verify", str(stand.segments))
    wrong += _complaints_of(sys.executable, *COLLECTOR, "reindex", "--config", str(stand.collector_yaml))
    stand.collector.start()
    stand.wait_until_up()
    changed = difference(before, answers(stand, since, until))
    stand.collector.stop()
    return wrong + ([f"answers changed with the indexes:\n{changed}"] if changed else [])


def _complaints_of(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    return [] if done.returncode == 0 else [f"{command[2:]} exited with {done.returncode}:\n{done.stdout}{done.stderr}"]
