"""The child's side: it does what its parent's frames say, and ends when the parent does.

A child lives in a session of its own, so that Ctrl-C in a terminal asks only the parent, and it ignores SIGTERM, which
systemd sends to every process of the unit: the parent decides in which order they stop.  It asks to stop with the
frame ``stop``, or by closing the pipe.  When the parent dies without a word the kernel kills the child
(PR_SET_PDEATHSIG); where there is no such thing the end of the pipe says it.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from collector.processes.frames import SIZES_BYTES, Frame, FrameError, decode_head, encode_frame, frame_sizes

_PR_SET_PDEATHSIG: Final = 1
#: The first frame holds the settings: read before any limit is known.
SETTINGS_BYTES_MAX: Final = 16 << 20


class Parent:
    """The pipes to the process that started this one.  :meth:`send` is safe from every thread."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._lock = threading.Lock()
        self._body_bytes_max = SETTINGS_BYTES_MAX
        self._frames: SimpleQueue[Frame | None] = SimpleQueue()
        self._on_urgent: Callable[[Frame], bool] = _not_urgent
        #: Set when the parent has asked to stop (or is gone).
        self.stopping = threading.Event()

    @classmethod
    def attach(cls, pid: int) -> "Parent":
        """Tie this process to its parent ``pid`` and take its stdin and stdout; what is printed goes to stderr then."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        _die_with_parent(pid)
        # Descriptors, not files: a thread that waits in a file's lock would stop the interpreter from ending.
        incoming, outgoing = os.dup(0), os.dup(1)
        os.dup2(2, 1)
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        return cls(incoming, outgoing)

    def settings(self) -> bytes:
        """Return the body of the first frame; raises EOFError when the parent is gone already."""
        frame = self._read()
        if frame is None or frame.kind != "settings":
            raise EOFError("the parent sent no settings")
        self._body_bytes_max = int(frame.head["frame_bytes_max"])
        return frame.body

    def listen(self, on_urgent: "Callable[[Frame], bool] | None" = None) -> None:
        """Begin to read in a thread of its own.

        ``on_urgent`` is asked there about each frame at once, while a question is being answered; what it returns True
        for is not put in line.
        """
        self._on_urgent = on_urgent or _not_urgent
        threading.Thread(target=self._listen, name="parent", daemon=True).start()

    def next_frame(self, timeout_s: float | None = None) -> Frame | None:
        """Wait for the next frame and return it, None at the end; raises queue.Empty when the time is up."""
        frame = self._frames.get(timeout=timeout_s)
        if frame is None:
            self._frames.put(None)
        return frame

    def send(self, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Send a frame; raises FrameError when it is too large (nothing was sent then) and OSError."""
        pieces = encode_frame(head, body, body_bytes_max=self._body_bytes_max)
        with self._lock:
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    view = view[os.write(self._outgoing, view) :]

    def _listen(self) -> None:
        try:
            while (frame := self._read()) is not None:
                if frame.kind == "stop":  # what was asked of the parent may still be answered
                    self._end()
                elif not self._on_urgent(frame):
                    self._frames.put(frame)
        except (FrameError, OSError):
            pass  # as good as the end: the parent restarts what does not answer
        self._end()

    def _end(self) -> None:
        self.stopping.set()
        self._frames.put(None)

    def _read(self) -> Frame | None:
        """Return the next frame, None at the end of the pipe, also when that is in the middle of a frame."""
        sizes = self._read_exactly(SIZES_BYTES)
        if sizes is None:
            return None
        head_bytes, body_bytes = frame_sizes(sizes, self._body_bytes_max)
        data = self._read_exactly(head_bytes + body_bytes)
        return None if data is None else Frame(decode_head(data[:head_bytes]), data[head_bytes:])

    def _read_exactly(self, size: int) -> bytes | None:
        pieces = bytearray()
        while len(pieces) < size:
            piece = os.read(self._incoming, size - len(pieces))
            if not piece:
                return None
            pieces += piece
        return bytes(pieces)


def stand_back(nice: int, oom_score: int) -> None:
    """Let the main process go first: at the CPU, and last when memory runs out (proc(5), oom_score_adj)."""
    os.nice(nice)
    with suppress(OSError):  # only Linux has it, and a container may forbid it
        Path("/proc/self/oom_score_adj").write_text(str(oom_score), encoding="ascii")


def _die_with_parent(pid: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != pid:  # it died before the line above
        os._exit(1)


def _not_urgent(_: Frame) -> bool:
    return False
