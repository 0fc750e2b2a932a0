"""Run as a process: indexes a growing segment of its own making until it is killed.

Prints one character whenever the index shows more, so that whoever kills it knows that it is at work.
"""

import sys
from pathlib import Path

from collector.index import Indexer
from tests.collector.index.crashing import SETTINGS, filled
from tests.collector.index.source import MemorySource


def main() -> None:
    segment = filled(Path(sys.argv[1]), 0)
    indexer = Indexer(MemorySource(segment), SETTINGS)
    now = 0
    for blocks in range(1, 10**9):
        more = filled(Path(sys.argv[1]), blocks % 200, segment)
        assert more is segment
        now += 3_000_000
        indexer.step(now)
        sys.stdout.write(".")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
