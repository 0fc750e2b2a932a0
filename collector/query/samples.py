"""What a code stands for whose text the index does not keep: told from the first event that has it."""

from typing import Any

import numpy as np

from collector.query.hits import ChunkHits
from collector.query.values import values_at
from collector.view import CodedColumn


class Samples:
    """Looks codes of one field up in the chunks of one segment that were met so far."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._values_at = values_at(field)
        self.chunks: list[ChunkHits] = []

    def text(self, code: int) -> str | None:
        """Return the text, None when it cannot be found."""
        return next((value for value in self.values(code) if isinstance(value, str)), None)

    def values(self, code: int) -> list[Any]:
        """Return the values of the first event with a code."""
        for hits in self.chunks:
            column = hits.column(self._field)
            if not isinstance(column, CodedColumn):
                continue
            rows = np.flatnonzero(column.codes == code)
            if len(rows):
                found = hits.sample(int(rows[0]))
                values = None if found is None else self._values_at(found.block.batch)
                return [] if found is None or values is None else list(values(found.indexes[0]))
        return []
