"""What a child asks of the main process: events to append, for only that process writes to the newest segment.

A child sends ``request`` (``id``, ``what`` and what belongs to that; perhaps a body) and gets ``reply`` (``id``,
``error``: null, or why it was not done).
"""

import threading
from concurrent.futures import Future
from itertools import count
from typing import Any

from collector.processes.frames import Frame
from collector.processes.parent import Parent


class RequestError(Exception):
    """The main process did not do what was asked; it may another time."""


class Requests:
    """Asks the main process.  :meth:`ask` may be called from any thread but the one that reads."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._waiting: dict[int, Future[Frame]] = {}

    def on_urgent(self, frame: Frame) -> bool:
        """Take a reply; called in the thread that reads."""
        if frame.kind != "reply":
            return False
        with self._lock:
            waiting = self._waiting.pop(int(frame.head["id"]), None)
        if waiting is not None:
            waiting.set_result(frame)
        return True

    def ask(self, what: str, body: bytes = b"", *, timeout_s: float, **keys: Any) -> dict[str, Any]:
        """Return the head of the reply; raises RequestError when it was refused, or did not come in time."""
        future: Future[Frame] = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = future
        try:
            self._parent.send({"kind": "request", "id": number, "what": what, **keys}, body)
            head = future.result(timeout_s).head
        except TimeoutError as error:
            raise RequestError(f"{what!r} was not answered within {timeout_s:g} s") from error
        finally:
            with self._lock:
                self._waiting.pop(number, None)
        if head.get("error"):
            raise RequestError(str(head["error"]))
        return head
