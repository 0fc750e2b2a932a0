"""What was acknowledged is there after ``kill -9``, once, and the next batch goes on from it."""

import subprocess
import sys
from pathlib import Path

from tests.collector.store.folders import filled, seal_all
from tests.collector.store.test_store import actors, opened


async def test_everything_acknowledged_survives_being_killed(tmp_path: Path) -> None:
    first = 1
    for acknowledged_wanted in (3, 30, 11, 47, 5):
        command = [sys.executable, "-m", "tests.collector.store.crash_writer", str(tmp_path), str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            acknowledged = [int(process.stdout.readline()) for _ in range(acknowledged_wanted)]
            process.kill()
        async with opened(tmp_path) as (store, _):
            found = await actors(store)
            stored = len(found) // 2
            assert found == [f"{sequence}.{index}" for sequence in range(1, stored + 1) for index in (0, 1)]
            assert stored >= acknowledged[-1]
        first = stored + 1


def test_a_crash_at_any_step_of_sealing_and_clearing_out_loses_and_doubles_nothing(tmp_path: Path) -> None:
    base, scratch = tmp_path / "base", tmp_path / "scratch"
    scratch.mkdir()
    filled(base, 40)
    seal_all(base, 2)
    command = [sys.executable, "-m", "tests.collector.store.crash_sealer", str(base), str(scratch), "23"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 8
