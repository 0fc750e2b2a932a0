"""Writes numbered lines at a steady rate, and rotates its log as logrotate does."""

import contextlib
import queue
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal

Way = Literal["rename", "copytruncate", "gzip"]
_SLICE_S = 0.01
_KEEP = 12
_PADDING = "x" * 160
_DENSE_BYTES = 80
_GZIP_S = 60.0


class Lines:
    """Gives out JSON lines, numbered from 0.  ``dense`` ones cannot be compressed to less than half."""

    def __init__(self, *, dense: bool = False) -> None:
        self._dense = dense
        self._lock = threading.Lock()
        self.written = 0

    def take(self, count: int) -> bytes:
        """Return the next lines."""
        with self._lock:
            numbers = range(self.written, self.written + count)
            self.written += count
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return "".join(
            f'{{"ts":"{now}","user":"user{n % 97}","action":"viewed","resource":{{"type":"report","id":"r{n % 991}"}},'
            f'"status":"success","seq":{n},"pad":"{secrets.token_hex(_DENSE_BYTES) if self._dense else _PADDING}"}}\n'
            for n in numbers
        ).encode()


class LineWriter(threading.Thread):
    """A thread that appends to ``log`` at ``rate`` lines a second until it is finished, and has written ``least``.

    What is done to the log is done in this thread, between two slices of lines (:meth:`between`), as an application
    would that notices a rotation: so no line is written into what is just being copied.
    """

    def __init__(
        self, log: Path, lines: Lines, *, rate: int, least: int = 0, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        super().__init__(name="writer", daemon=True)
        self.log = log
        self._lines = lines
        self._rate = rate
        self._least = least
        self._progress = progress
        self._asked: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._finished = threading.Event()
        self._file = log.open("ab", buffering=0)
        self.written = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Write, and do what is asked for."""
        try:
            self._write()
        except OSError as error:
            self.failure = error
        finally:
            self._file.close()

    def _write(self) -> None:
        began, step = time.monotonic(), 0
        while not (self._finished.is_set() and self.written >= self._least and self._asked.empty()):
            step += 1
            with contextlib.suppress(queue.Empty):
                self._do(*self._asked.get_nowait())
            due = int((time.monotonic() - began + _SLICE_S) * self._rate)
            self.append((min(due, self._least) if self._least else due) - self.written)
            self._progress(self.written)
            time.sleep(max(0.0, began + step * _SLICE_S - time.monotonic()))

    def _do(self, act: Callable[[], Any], done: Future[Any]) -> None:
        try:
            done.set_result(act())
        except BaseException as error:  # noqa: BLE001  # raised where it was asked for
            done.set_exception(error)

    def between(self, act: Callable[[], Any]) -> Any:
        """Have something done between two slices and return its result."""
        done: Future[Any] = Future()
        self._asked.put((act, done))
        return done.result(60)

    def append(self, count: int) -> None:
        """Write some lines now; only in this thread."""
        if count > 0:
            self._file.write(self._lines.take(count))
            self.written += count

    def reopen(self) -> None:
        """Go on in the file that has the log's name now; only in this thread."""
        self._file.close()
        self._file = self.log.open("ab", buffering=0)

    def truncate(self) -> None:
        """Empty the log; only in this thread."""
        self._file.truncate(0)

    def finish(self) -> None:
        """Return when everything is written; raises what went wrong."""
        self._finished.set()
        self.join()
        if self.failure is not None:
            raise self.failure


class Rotator:
    """Rotates a writer's log as logrotate does, with numbers that are shifted.

    With ``rename`` the application goes on for a slice in the renamed file before it opens the new one, and with
    ``gzip`` gzip(1) then compresses that file; with ``copytruncate`` it pauses while the copy is made.
    """

    def __init__(self, writer: LineWriter, way: Way) -> None:
        self._writer = writer
        self._way = way
        self._packing: subprocess.Popen[bytes] | None = None
        self.rotated = 0

    def rotate(self) -> None:
        """Rotate once."""
        self._writer.between(self._rotate)

    def finish_packing(self) -> None:
        """Return when gzip(1) is through."""
        if self._packing is not None and self._packing.wait(_GZIP_S):
            raise RuntimeError("gzip failed")

    def _rotate(self) -> None:
        log, first = self._writer.log, self._numbered(1)
        self._shift()
        if self._way == "copytruncate":
            shutil.copyfile(log, first)
            self._writer.truncate()
        else:
            log.rename(first)
            self._writer.append(200)
            self._writer.reopen()
            if self._way == "gzip":
                self._packing = subprocess.Popen(["gzip", "-1", str(first)])
        self.rotated += 1

    def _shift(self) -> None:
        self.finish_packing()
        for number in range(_KEEP - 1, 0, -1):
            for ending in ("", ".gz"):
                old = self._numbered(number, ending)
                if old.exists():
                    old.rename(self._numbered(number + 1, ending))

    def _numbered(self, number: int, ending: str = "") -> Path:
        return self._writer.log.with_name(f"{self._writer.log.name}.{number}{ending}")
