"""A child process of the collector: ``python -m collector.worker KIND PARENT``, started by :mod:`collector.processes`.

``query`` answers questions, ``index`` looks after the files.  Each kind imports what it needs, and no more.
"""

import fcntl
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from prometheus_client import CollectorRegistry

from collector.config import STORED_BATCH_BYTES_MAX, CollectorSettings, decode_settings
from collector.metrics import add_counters
from collector.processes import Cancelled, Parent, QuestionServer, Requests, Rounds, stand_back
from watchbook.clock import now_us
from watchbook.daemon import settle_memory
from watchbook.logs import configure_logs

#: Who goes first when memory runs out: a question can be asked again, the main process holds what is not stored yet.
_OOM_SCORES = {"query": 700, "index": 400}


def main(kind: str, parent_pid: int) -> None:
    """Work as a child of a kind until the parent asks to stop."""
    parent = Parent.attach(parent_pid)
    try:
        settings = decode_settings(parent.settings())
        configure_logs(settings.log_level)
        stand_back(settings.processes.index_nice if kind == "index" else 0, _OOM_SCORES[kind])
        _KINDS[kind](parent, settings)
    except (EOFError, BrokenPipeError):
        sys.exit(1)  # the parent is gone, there is nobody to tell


def answer_questions(parent: Parent, settings: CollectorSettings) -> None:
    """Answer questions about stored events."""
    from collector.archive import ArchiveReader
    from collector.index import IndexReader
    from collector.query import Answers
    from collector.questions import make_questions
    from collector.store.reader import SegmentReader

    registry, cancelled = CollectorRegistry(), Cancelled(parent)
    parent.listen(cancelled.on_urgent)
    indexes = IndexReader(settings.index.cache_bytes, settings.index.open_files_max)
    answers = Answers(
        SegmentReader(settings.segments, STORED_BATCH_BYTES_MAX, settings.store),
        indexes,
        settings.query,
        registry,
        stopping=cancelled,
        archive=ArchiveReader(settings.segments, settings.archive),
    )
    questions = make_questions(answers)

    def answer(question: str, parameters: Mapping[str, object]) -> bytes:
        return questions[question](parameters)

    settle_memory()
    QuestionServer(parent, answer, registry, cancelled, indexes.damaged).run()


def look_after_files(parent: Parent, settings: CollectorSettings) -> None:
    """Index what comes, seal what is finished, remove what is past its time."""
    from collector.index import Indexer
    from collector.store.reader import SegmentReader

    registry, requests = CollectorRegistry(), Requests(parent)
    parent.listen(requests.on_urgent)
    reader = SegmentReader(settings.segments, STORED_BATCH_BYTES_MAX, settings.store)
    with (settings.segments / "index.lock").open("a") as lock:
        # An older process of a collector that was killed may still be in the middle of a write.
        fcntl.flock(lock, fcntl.LOCK_EX)
        indexer = Indexer(reader, settings.index)
        add_counters(
            registry,
            "watchbook_index",
            "What the index process did since its start: rows, flushes, rebuilt, unreadable_blocks, failures.",
            ("what",),
            lambda: [((what,), n) for what, n in asdict(indexer.counters).items()],
        )
        seen = 0

        def step() -> bool:
            nonlocal seen
            seen = reader.last_number()
            return indexer.step(now_us())

        def progress() -> dict[str, Any]:
            return {"behind_rows": indexer.backlog_rows, "last_number": seen}

        settle_memory()
        hear = {"damaged": lambda frame: indexer.report_damaged(frame.head["segments"], now_us())}
        Rounds(parent, registry, step=step, hear=hear, progress=progress).run()
        indexer.close(now_us())


_KINDS = {"query": answer_questions, "index": look_after_files}

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
