"""A child process of the collector: ``python -m collector.worker KIND PARENT``, started by :mod:`collector.processes`.

``query`` answers questions, ``index`` looks after the files.  Each kind imports what it needs, and no more.
"""

import sys
from collections.abc import Mapping

import msgspec
from prometheus_client import CollectorRegistry

from collector.config import CollectorSettings, decode_settings
from collector.processes import Cancelled, Parent, QuestionServer, stand_back
from watchbook.daemon import settle_memory
from watchbook.logs import configure_logs

#: Who goes first when memory runs out: a query can be asked again, the main process holds what is not stored yet.
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
    import asyncio

    from collector.app import _STORED_BATCH_BYTES_MAX
    from collector.query import Searcher
    from collector.store.reader import SegmentReader

    registry, cancelled = CollectorRegistry(), Cancelled()
    parent.listen(cancelled.on_urgent)
    reader = SegmentReader(settings.segments, _STORED_BATCH_BYTES_MAX)
    for path in sorted(settings.segments.glob("*.blk")):
        reader.add_segment(path.name.removesuffix(".blk"))
    runner = asyncio.Runner()
    searcher = Searcher(reader, settings.query, registry)

    def answer(question: str, parameters: Mapping[str, object]) -> bytes:
        return msgspec.json.encode(runner.run(getattr(searcher, question)(**parameters)))

    settle_memory()
    QuestionServer(parent, answer, registry, cancelled).run()


_KINDS = {"query": answer_questions}

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
