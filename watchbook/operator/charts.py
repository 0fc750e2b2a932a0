"""Bars and charts of block characters.  Pure: numbers in, texts out."""

from collections.abc import Sequence
from typing import Final

#: Eighths of a cell, from the left and from below.
_ACROSS: Final = " ▏▎▍▌▋▊▉█"
_UPWARDS: Final = " ▁▂▃▄▅▆▇█"
_EIGHTHS: Final = 8


def bar(value: float, largest: float, width: int) -> str:
    """Return a bar of up to ``width`` cells; anything above nothing shows."""
    if value <= 0 or largest <= 0:
        return ""
    eighths = max(1, round(value / largest * width * _EIGHTHS))
    whole, rest = divmod(eighths, _EIGHTHS)
    return _ACROSS[-1] * whole + (_ACROSS[rest] if rest else "")


def columns(values: Sequence[float], height: int) -> list[str]:
    """Return the lines of a column chart, the highest first; anything above nothing shows."""
    largest = max(values, default=0)
    eighths = [_column_eighths(value, largest, height) for value in values]
    return ["".join(_cell(column, level) for column in eighths) for level in reversed(range(height))]


def grouped(values: Sequence[int], width: int) -> tuple[list[int], int]:
    """Return the values in at most ``width`` sums of neighbours, and how many neighbours each is of."""
    size = max(1, -(-len(values) // max(1, width)))
    return [sum(values[start : start + size]) for start in range(0, len(values), size)], size


def _column_eighths(value: float, largest: float, height: int) -> int:
    return 0 if value <= 0 or largest <= 0 else max(1, round(value / largest * height * _EIGHTHS))


def _cell(eighths: int, level: int) -> str:
    return _UPWARDS[max(0, min(_EIGHTHS, eighths - level * _EIGHTHS))]
