"""The child's side of questions: takes one after the other from its parent and sends the answers."""

import queue
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry

from collector.problem import ApiProblem
from collector.processes.frames import Frame, FrameError
from collector.processes.gathered import snapshot
from collector.processes.parent import Parent
from collector.processes.replies import failed_head, problem_head
from watchbook.logs import get_logger

log = get_logger("worker")
#: Metrics ride along with an answer at most this often, and follow in the next pause.
_METRICS_EVERY_S: Final = 0.5


class Cancelled:
    """Whether nobody waits any more for the answer that is being made.  Safe to ask from any thread."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._cancelled = 0
        self.under_way = 0

    def is_set(self) -> bool:
        """Whether to end early, with whatever is at hand."""
        return self._parent.stopping.is_set() or self._cancelled == self.under_way != 0

    def on_urgent(self, frame: Frame) -> bool:
        """Take note of a ``cancel``; called in the thread that reads."""
        if frame.kind != "cancel":
            return False
        self._cancelled = int(frame.head["id"])
        return True


#: Returns the answer to (question, parameters); raises ApiProblem.
Answer = Callable[[str, Mapping[str, object]], bytes]


class QuestionServer:
    """Serves ``answer`` to the parent.  What it counts in ``registry`` is sent along.

    ``damaged`` collects names of segments whose index turned out to be damaged: they are told to the parent.
    """

    def __init__(
        self,
        parent: Parent,
        answer: Answer,
        registry: CollectorRegistry,
        cancelled: Cancelled,
        damaged: set[str] | None = None,
    ) -> None:
        self._damaged = set() if damaged is None else damaged
        self._parent = parent
        self._answer = answer
        self._registry = registry
        self._cancelled = cancelled
        self._said_at = 0.0
        self._is_news = False

    def run(self) -> None:
        """Answer until the parent asks to stop; raises OSError when it is gone."""
        self._parent.send({"kind": "ready", **self._metrics()})
        while True:
            try:
                frame = self._parent.next_frame(_METRICS_EVERY_S if self._is_news else None)
            except queue.Empty:
                self._parent.send({"kind": "metrics", **self._metrics()})
                continue
            if frame is None:
                return
            if frame.kind == "question":
                self._serve(frame)

    def _serve(self, frame: Frame) -> None:
        number = self._cancelled.under_way = int(frame.head["id"])
        head, body = self._reply(number, frame)
        self._cancelled.under_way = 0
        self._is_news = True
        if self._damaged:
            head["damaged"] = [self._damaged.pop() for _ in range(len(self._damaged))]
        if time.monotonic() - self._said_at >= _METRICS_EVERY_S:
            head |= self._metrics()
        try:
            self._parent.send(head, body)
        except FrameError as error:
            detail = f"the answer is too large: {error}; ask for fewer events with 'limit'"
            self._parent.send(problem_head(number, ApiProblem(413, "answer-too-large", detail)))

    def _reply(self, number: int, frame: Frame) -> tuple[dict[str, Any], bytes]:
        question = frame.head["question"]
        try:
            return {"kind": "answer", "id": number}, self._answer(question, frame.head["parameters"])
        except ApiProblem as problem:
            return problem_head(number, problem), b""
        except Exception:  # whatever it was, the asker gets an answer and the log gets the cause
            head = failed_head(number)
            log.exception("question_failed", question=question, error_id=head["error_id"], next_step="report this")
            return head, b""

    def _metrics(self) -> dict[str, Any]:
        self._said_at = time.monotonic()
        self._is_news = False
        return {"metrics": snapshot(self._registry)}
