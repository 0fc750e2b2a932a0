"""An index view that says which index it was that turned out to be damaged."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from collector.view import ChunkInfo, Column, IndexDamagedError, IndexView, Passing, Wanted


class DamagedIndexError(Exception):
    """The index of this generation is damaged: begin anew without it."""

    def __init__(self, generation: str) -> None:
        super().__init__(generation)
        self.generation = generation


class NamedView:
    """Implements :class:`collector.view.IndexView` over another one; raises DamagedIndexError instead of its error."""

    def __init__(self, view: IndexView, generation: str) -> None:
        self._view = view
        self._generation = generation
        with self._naming():
            self.rows = view.rows
            self.chunks: Sequence[ChunkInfo] = view.chunks

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except IndexDamagedError as error:
            raise DamagedIndexError(self._generation) from error

    def times(self, chunk: ChunkInfo) -> NDArray[np.int64]:
        """See :class:`collector.view.IndexView`."""
        with self._naming():
            return self._view.times(chunk)

    def column(self, chunk: ChunkInfo, field: str) -> Column | None:
        """See :class:`collector.view.IndexView`."""
        with self._naming():
            return self._view.column(chunk, field)

    def passing(self, field: str, wanted: Wanted) -> Passing:
        """See :class:`collector.view.IndexView`."""
        with self._naming():
            return self._view.passing(field, wanted)

    def text(self, field: str, code: int) -> str | None:
        """See :class:`collector.view.IndexView`."""
        with self._naming():
            return self._view.text(field, code)

    def size(self, field: str) -> int:
        """See :class:`collector.view.IndexView`."""
        with self._naming():
            return self._view.size(field)

    def counts(self, chunk: ChunkInfo, field: str) -> NDArray[np.int64] | None:
        """See :class:`collector.view.IndexView`."""
        with self._naming():
            return self._view.counts(chunk, field)
