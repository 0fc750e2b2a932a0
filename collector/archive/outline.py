"""What an archive spans, told from the statistics in the file itself."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import duckdb


class RowGroup(NamedTuple):
    """Some consecutive rows of an archive and the event times (microseconds) they span."""

    row: int
    n: int
    tmin: int
    tmax: int


class Outline(NamedTuple):
    """The row groups of an archive in order of rows; the times they span ascend and at most touch."""

    groups: tuple[RowGroup, ...]

    @property
    def rows(self) -> int:
        """How many events there are."""
        return sum(group.n for group in self.groups)

    @property
    def tmin(self) -> int:
        """The least event time, 0 without events."""
        return self.groups[0].tmin if self.groups else 0

    @property
    def tmax(self) -> int:
        """The greatest event time, 0 without events."""
        return self.groups[-1].tmax if self.groups else 0

    @property
    def ordered(self) -> bool:
        """Whether every row group begins where the one before has ended, or later."""
        following = zip(self.groups, self.groups[1:], strict=False)
        return all(before.tmax <= after.tmin for before, after in following)


def read_outline(connection: "duckdb.DuckDBPyConnection", path: Path) -> Outline:
    """Return the outline of a file; raises duckdb.Error when it cannot be read."""
    found = connection.execute(
        "SELECT row_group_num_rows, stats_min_value::BIGINT, stats_max_value::BIGINT FROM parquet_metadata($path)"
        " WHERE path_in_schema = 'time' ORDER BY row_group_id",
        {"path": str(path)},
    ).fetchall()
    groups: list[RowGroup] = []
    row = 0
    for n, tmin, tmax in found:
        groups.append(RowGroup(row, n, tmin, tmax))
        row += n
    return Outline(tuple(groups))
