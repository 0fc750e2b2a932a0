"""The figures of a run in one table, each beside its goal and the calibration it was measured with."""

from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured figure.  ``goal``: the most it should be (``is_least``: the least), None where there is none;
    ``calibration_s``: CPU seconds of the fixed loop at that time, for figures that depend on the processor."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    calibration_s: float | None = None
    note: str = ""
    is_least: bool = False

    @property
    def row(self) -> tuple[str, ...]:
        """Its cells."""
        met = ""
        if self.goal is not None:
            met = "yes" if (self.value >= self.goal if self.is_least else self.value <= self.goal) else "NO"
        calibration = "" if self.calibration_s is None else f"{self.calibration_s:.3f}"
        return self.name, _number(self.value), self.unit, _number(self.goal), met, calibration, self.note


_HEAD = ("figure", "measured", "unit", "goal", "met", "calibration s", "")


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as aligned text."""
    rows = [_HEAD, *(figure.row for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  ".join(
            cell.rjust(width) if 1 <= column <= 5 and column != 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if abs(value) < 20 else f"{value:.1f}"
