"""What a process uses, as the kernel says it (proc(5)); zeros where there is no /proc or no such process."""

import os
from pathlib import Path
from typing import Final, NamedTuple

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    """CPU seconds (user and system) since the process began, and its resident memory in bytes."""

    cpu_s: float = 0.0
    resident_bytes: int = 0


def usage_of(pid: int) -> Usage:
    """Return what a process uses at this moment."""
    try:
        # The name of the program, in parentheses, may hold anything: count from its end (fields 14, 15 and 24).
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return Usage((int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE)
    except (OSError, ValueError, IndexError):
        return Usage()
