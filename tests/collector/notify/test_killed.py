"""``kill -9`` at any instant: every notification arrives at least once, each state of an alert under one id."""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections import defaultdict
from pathlib import Path

from tests.collector.notify.receiver import receiver

ALERTS = 60
KILLS = 15

#: Opens alerts one by one, ends every third, and tells of them; goes on where it was killed.
PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.collector.alert.alerts import opened, resolved
from tests.collector.notify.stage import fast, hook, notifying
from watchbook.logs import configure_logs

async def main(folder, url, total):
    configure_logs("error")
    async with notifying(Path(folder), fast(hook(url=url, max_per="none"))) as stage:
        print("up", flush=True)
        for number in range(total):
            alert_id = f"x{number:03}"
            if await asyncio.to_thread(stage.alerts.alert, alert_id) is None:
                changes = [opened(alert_id)] if number % 3 else [opened(alert_id), resolved(alert_id)]
                await stage.apply(*changes)
            await asyncio.sleep(0.004)
        while any(state == "waiting" for _, state in await stage.waiting()) or stage.notifier.dispatcher._state is None:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
    print("done", flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_kill_9_neither_loses_a_notification_nor_gives_one_another_id(tmp_path: Path) -> None:
    chance = random.Random(7)
    async with receiver() as ear:
        kills = 0
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, str(tmp_path), ear.url, str(ALERTS),
                stdout=asyncio.subprocess.PIPE, cwd=Path.cwd(),
            )  # fmt: skip
            assert process.stdout is not None
            async with asyncio.timeout(30):
                assert await process.stdout.readline() == b"up\n"
            if kills < KILLS:
                await asyncio.sleep(chance.uniform(0.001, 0.08))
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
                await process.wait()
                continue
            async with asyncio.timeout(60):
                assert await process.stdout.readline() == b"done\n"
                assert await process.wait() == 0
            break
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in ear.taken:
        ids[one.body["data"]["id"], one.body["type"]].add(one.id)
    expected = {(f"x{number:03}", "alert.opened") for number in range(ALERTS)} | {
        (f"x{number:03}", "alert.resolved") for number in range(0, ALERTS, 3)
    }
    assert ids.keys() == expected
    assert {state: each for state, each in ids.items() if len(each) != 1} == {}
    rows = sqlite3.connect(tmp_path / "state.db").execute("select count(*) from notification").fetchone()
    assert rows == (len(expected),)
