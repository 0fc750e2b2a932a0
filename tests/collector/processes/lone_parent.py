"""A parent that is going to be killed: starts two workers, keeps them busy or not, and says their process ids."""

import asyncio
import json
import sys

from collector.processes import ProcessSettings, QueryPool, Recipe, Roster

STAND_IN = "tests.collector.processes.stand_in"


async def main(busy: bool) -> None:
    pool = QueryPool(Recipe(b"", ProcessSettings(), STAND_IN), Roster(), deadline_s=60, on_damaged=lambda _: None)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pool.run())
        while not all(place.is_ready for place in pool.places):
            await asyncio.sleep(0.01)
        pids = [place.child.pid for place in pool.places if place.child]
        if busy:
            for _ in pids:
                tasks.create_task(pool.ask("wait", {"until": "/nowhere", "name": ""}))
            while pool.under_way < len(pids):
                await asyncio.sleep(0.01)
        print(json.dumps(pids), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] == "busy"))
