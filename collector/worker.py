"""A child process of the collector: ``python -m collector.worker KIND PARENT``, started by :mod:`collector.processes`.

``query`` answers questions, ``index`` looks after the files.  Each kind imports what it needs, and no more.
"""

import sys
from collections.abc import Mapping
from contextlib import closing

from prometheus_client import CollectorRegistry

from collector.config import STORED_BATCH_BYTES_MAX, CollectorSettings, decode_settings
from collector.processes import Cancelled, Parent, QuestionServer, Requests, Rounds, stand_back
from watchbook.logs import configure_logs
from watchbook.memory import settle_memory

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
    from collector.lifecycle import History
    from collector.query import Answers
    from collector.questions import Question, make_questions
    from collector.store import SegmentReader

    registry, cancelled = CollectorRegistry(), Cancelled(parent)
    parent.listen(cancelled.on_urgent)
    indexes = IndexReader(settings.index.cache_bytes, settings.index.open_files_max)
    # Closed in the end: DuckDB complains of a connection that outlives it.
    with closing(ArchiveReader(settings.segments, settings.archive)) as archive:
        reader = SegmentReader(settings.segments, STORED_BATCH_BYTES_MAX, settings.store)
        answers = Answers(
            reader,
            indexes,
            settings.query,
            registry,
            stopping=cancelled,
            archive=archive,
        )
        history = History(settings.rollups_db, settings.retention)

        def trial(question: str) -> Question:
            def answer(parameters: Mapping[str, object]) -> bytes:
                from collector.trials import Trials  # rarely asked for, and 20 MB of memory

                trials = Trials(settings, reader, archive, indexes, stopping=cancelled.is_set)
                found: bytes = getattr(trials, question)(parameters)
                return found

            return answer

        questions = {**make_questions(answers), "rollup": history.answer} | {
            question: trial(question) for question in ("backtest", "explain_text", "archived_event")
        }

        def answer(question: str, parameters: Mapping[str, object]) -> bytes:
            return questions[question](parameters)

        settle_memory()
        QuestionServer(parent, answer, registry, cancelled, indexes.damaged).run()


def look_after_files(parent: Parent, settings: CollectorSettings) -> None:
    """Index what comes, seal what is finished, remove what is past its time."""
    from collector.caretaker import Caretaker

    registry, requests = CollectorRegistry(), Requests(parent)
    parent.listen(requests.on_urgent)
    with Caretaker(settings, registry, requests.ask) as caretaker:
        settle_memory()
        Rounds(parent, registry, step=caretaker.step, hear=caretaker.hears, progress=caretaker.progress).run()


_KINDS = {"query": answer_questions, "index": look_after_files}

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
