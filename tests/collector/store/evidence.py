"""A folder that holds a little of everything that can be tampered with, and how many tamperings of it go unseen."""

import random
import shutil
from pathlib import Path

from collector.store.checkpoint import HEAD_FILE, LEDGER_FILE
from collector.store.verify import verify_folder
from tests.collector.store.batches import TIME
from tests.collector.store.folders import STREAMS, Ticking, archived, filled, reader_of, shelf_of
from tests.collector.store.tampering import tamper

_LATER = tuple(stream.replace("a", "d").replace("b", "e").replace("c", "f") for stream in STREAMS)


def folder_of_everything(folder: Path) -> dict[str, list[bytes]]:
    """Fill a folder: sealed, rewritten, archived, removed and hot segments; return older valid checkpoints."""
    older: dict[str, list[bytes]] = {HEAD_FILE: [], LEDGER_FILE: []}

    def keep(name: str) -> None:
        older[name].append((folder / "segments" / name).read_bytes())

    clock = Ticking()
    filled(folder, 60, clock=clock)
    keep(HEAD_FILE)
    shelf = shelf_of(folder, Ticking(TIME * 2))
    keep(LEDGER_FILE)
    for name in shelf.to_seal():
        for _ in shelf.seal(name):
            pass
        keep(LEDGER_FILE)
    filled(folder, 40, seed=2, streams=_LATER, clock=clock)
    reader = reader_of(folder)
    first, second, third, *_ = reader.segments()
    reader.close()
    for _ in shelf.rewrite(first, lambda block: range(1, block.batch.n), {"reason": "test"}):
        pass
    keep(LEDGER_FILE)
    shelf.archive(second, archived, {})
    keep(LEDGER_FILE)
    shelf.remove(third, {"reason": "old"})
    return older


def unseen(folder: Path, older: dict[str, list[bytes]], count: int, seed: int, scratch: Path) -> list[str]:
    """Tamper with ``count`` copies of a folder of segments; return what was done where nothing was found."""
    missed: list[str] = []
    for number in range(count):
        rng = random.Random(f"{seed}.{number}")
        shutil.copytree(folder, scratch)
        done = tamper(scratch, rng, older)
        if verify_folder(scratch).is_intact:
            missed.append(f"{number}: {done}")
        shutil.rmtree(scratch)
    return missed
