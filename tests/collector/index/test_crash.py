"""An indexer that is killed at any moment leaves an index that is right, or that is made again."""

import random
import signal
import subprocess
import sys
from pathlib import Path

from collector.index import Indexer, IndexReader
from tests.collector.index.crashing import BLOCKS_MAX, SETTINGS, filled
from tests.collector.index.expected import check_view
from tests.collector.index.source import MemorySource

ROOT = Path(__file__).parents[3]


def test_after_a_kill_readers_and_the_next_indexer_are_right(tmp_path: Path) -> None:
    whole = filled(tmp_path, BLOCKS_MAX)
    events = whole.events()
    chosen = random.Random(11)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.collector.index.crash_indexer", str(tmp_path)],
            cwd=ROOT, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.read(chosen.randrange(1, 150))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        view = IndexReader(1 << 20).view("s", "a", whole.index_path)
        if view is not None:
            check_view(view, events[: view.rows])
    indexer = Indexer(MemorySource(whole), SETTINGS)
    while indexer.step(0):
        pass
    indexer.close(0)
    reader = IndexReader(1 << 20)
    view = reader.view("s", "a", whole.index_path)
    assert view is not None
    check_view(view, events)
    assert reader.damaged == set()
