"""Writes numbered lines at a steady rate, and rotates its log as logrotate does."""

import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

Rotation = Literal["rename", "copytruncate", "gzip", "none"]
_SLICE_S = 0.01
_KEEP = 12
_PADDING = "x" * 160


class LineWriter(threading.Thread):
    """A thread that appends ``lines`` JSON lines, numbered from 0, to ``log`` at ``rate`` a second.

    ``rotations`` happen at random moments.  With ``rename`` the application goes on for a slice in the renamed file
    before it opens the new one, and with ``gzip`` gzip(1) then compresses that file; with ``copytruncate`` it pauses
    while the copy is made, as the issue asks.
    """

    def __init__(
        self, log: Path, *, lines: int, rate: int, rotation: Rotation, rotations: int, seed: int,
        progress: Callable[[int], None],
    ) -> None:  # fmt: skip
        super().__init__(name="writer")
        self._log = log
        self._lines = lines
        self._rate = rate
        self._rotation = rotation
        slices = int(lines / rate / _SLICE_S)
        self._rotate_at = set(random.Random(seed).sample(range(5, max(slices - 5, 6 + rotations)), rotations))
        #: When the log is rotated, in seconds from the beginning.
        self.moments = sorted(step * _SLICE_S for step in self._rotate_at)
        self._packing: subprocess.Popen[bytes] | None = None
        self._progress = progress
        self.written = 0
        self.rotated = 0
        self.stop = threading.Event()

    def run(self) -> None:
        """Write everything."""
        began, step = time.monotonic(), 0
        file = self._log.open("ab", buffering=0)
        while self.written < self._lines and not self.stop.is_set():
            step += 1
            due = min(self._lines, int((time.monotonic() - began + _SLICE_S) * self._rate))
            if step in self._rotate_at and self._rotation in ("rename", "gzip"):
                self._shift()
                self._log.rename(self._log.with_name("app.log.1"))
                file.write(self._slice(due))
                file.close()
                file = self._log.open("ab", buffering=0)
                self.rotated += 1
                if self._rotation == "gzip":
                    self._packing = subprocess.Popen(["gzip", "-1", str(self._log.with_name("app.log.1"))])
            elif step in self._rotate_at and self._rotation == "copytruncate":
                self._shift()
                shutil.copyfile(self._log, self._log.with_name("app.log.1"))
                file.truncate(0)
                self.rotated += 1
            else:
                file.write(self._slice(due))
            self._progress(self.written)
            time.sleep(max(0.0, began + step * _SLICE_S - time.monotonic()))
        file.close()
        self._finish_packing()

    def _finish_packing(self) -> None:
        if self._packing is not None and self._packing.wait():
            raise RuntimeError("gzip failed")

    def _slice(self, due: int) -> bytes:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        lines = [
            f'{{"ts":"{now}","user":"user{n % 97}","action":"viewed","resource":{{"type":"report","id":"r{n % 991}"}},'
            f'"status":"success","seq":{n},"pad":"{_PADDING}"}}\n'
            for n in range(self.written, due)
        ]
        self.written = max(due, self.written)
        return "".join(lines).encode()

    def _shift(self) -> None:
        self._finish_packing()
        for number in range(_KEEP - 1, 0, -1):
            for ending in ("", ".gz"):
                old = self._log.with_name(f"app.log.{number}{ending}")
                if old.exists():
                    old.rename(self._log.with_name(f"app.log.{number + 1}{ending}"))
