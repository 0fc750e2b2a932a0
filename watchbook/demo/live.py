"""The live line: how many lines were written, read, delivered and stored, and how many are stored a second."""

from typing import NamedTuple


class Sample(NamedTuple):
    """The totals at one moment.  ``read`` and ``delivered`` are what the agent said last, every few seconds."""

    elapsed_s: float
    written: int
    read: int
    delivered: int
    stored: int
    alerts: int


def live_line(last: Sample, now: Sample) -> str:
    """Return the live line, with the rates since the last sample."""
    passed_s = max(now.elapsed_s - last.elapsed_s, 1e-6)
    parts = [f"{now.elapsed_s:5.0f} s"]
    for word in ("written", "read", "delivered", "stored"):
        count, before = getattr(now, word), getattr(last, word)
        rate = f" ({max(count - before, 0) / passed_s:,.0f}/s)" if word in ("written", "stored") else ""
        parts.append(f"{word} {count:,}{rate}")
    parts.append(f"alerts {now.alerts:,}")
    return "   ".join(parts)
