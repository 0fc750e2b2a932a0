"""Prints a table of figures: the first column to the left, the others to the right."""

from collections.abc import Sequence


class Row(tuple[str, ...]):
    """The cells of a row."""

    def __new__(cls, *cells: str) -> "Row":
        """Make a row of its cells."""
        return super().__new__(cls, cells)


def show(title: str, header: Sequence[str], rows: Sequence[Row]) -> None:
    """Print a title and the rows below a header."""
    lines = [Row(*header), *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(header))]
    print(f"\n{title}")
    for line in lines:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        print(f"  {'   '.join(cells)}".rstrip())
