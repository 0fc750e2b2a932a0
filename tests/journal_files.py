"""Real journal files, without a running journald: systemd-journal-remote makes them of its export format."""

import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.stand import wait_for

_PLACES = ("/usr/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-remote")
BEGAN_US = 1_795_252_100_000_000

Value = str | bytes | Sequence[str | bytes]


def needed_program() -> str:
    """Return the program; skips the test where it, or journalctl, is not there."""
    found = next((place for place in _PLACES if Path(place).exists()), None)
    if found is None or not Path("/usr/bin/journalctl").exists():
        pytest.skip(
            "real journal files need journalctl and systemd-journal-remote (apt-get install systemd-journal-remote)"
        )
    return found


def exported(number: int, boot: str, fields: Mapping[str, Value]) -> bytes:
    """Return an entry in systemd's export format; ``number`` gives its time."""
    head = {"__REALTIME_TIMESTAMP": str(BEGAN_US + number * 1000), "__MONOTONIC_TIMESTAMP": str(1000 + number)}
    parts = [f"{name}={value}\n".encode() for name, value in {**head, "_BOOT_ID": boot * 32}.items()]
    for name, given in fields.items():
        for value in [given] if isinstance(given, str | bytes) else given:
            data = value.encode() if isinstance(value, str) else value
            if min(data, default=32) < 32:
                parts.append(name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n")
            else:
                parts.append(name.encode() + b"=" + data + b"\n")
    return b"".join(parts) + b"\n"


class JournalFiles:
    """A folder with a journal file that grows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._program = needed_program()
        self._writer: subprocess.Popen[bytes] | None = None
        self._files = 0
        self.number = 0
        self.boot = "a"

    def write(self, *messages: Value, **fields: Value) -> None:
        """Add an entry for each message and return when they can be read."""
        for message in messages:
            self._add({"MESSAGE": message, "_TRANSPORT": "stdout", "_SYSTEMD_UNIT": "app.service", **fields})
        wait_for("the entries", lambda: self._last() == self.number - 1, 20)

    def rotate_away(self) -> None:
        """Remove what was written; what comes next is in a new file."""
        self.close()
        for path in self.folder.glob("*.journal"):
            path.unlink()

    def close(self) -> None:
        if self._writer is not None:
            assert self._writer.stdin is not None
            self._writer.stdin.close()
            self._writer.wait(20)
            self._writer = None

    def _add(self, fields: Mapping[str, Value]) -> None:
        if self._writer is None:
            self._files += 1
            command = [self._program, "-o", str(self.folder / f"part{self._files}.journal"), "-"]
            self._writer = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._writer.stdin is not None
        self._writer.stdin.write(exported(self.number, self.boot, fields))
        self._writer.stdin.flush()
        self.number += 1

    def _last(self) -> int:
        """Return the number of the last entry that can be read."""
        command = ["journalctl", "-D", str(self.folder), "-o", "export", "-n", "1"]
        shown = subprocess.run(command, capture_output=True, check=False).stdout
        stamps = [line for line in shown.splitlines() if line.startswith(b"__REALTIME_TIMESTAMP=")]
        return (int(stamps[-1].partition(b"=")[2]) - BEGAN_US) // 1000 if stamps else -1
