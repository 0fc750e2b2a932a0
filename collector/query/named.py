"""An index view that says which index it was that turned out to be damaged."""

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from collector.view import ChunkInfo, IndexDamagedError, IndexView

_AskedP = ParamSpec("_AskedP")
_ResultT = TypeVar("_ResultT")


class DamagedIndexError(Exception):
    """The index of this generation is damaged: begin anew without it."""

    def __init__(self, generation: str) -> None:
        super().__init__(generation)
        self.generation = generation


class NamedView:
    """Implements :class:`collector.view.IndexView` over another one; raises DamagedIndexError instead of its error."""

    def __init__(self, view: IndexView, generation: str) -> None:
        self.rows = view.rows
        self.chunks: Sequence[ChunkInfo] = view.chunks
        self.times = _naming(view.times, generation)
        self.column = _naming(view.column, generation)
        self.passing = _naming(view.passing, generation)
        self.text = _naming(view.text, generation)
        self.size = _naming(view.size, generation)
        self.counts = _naming(view.counts, generation)


def _naming(ask: Callable[_AskedP, _ResultT], generation: str) -> Callable[_AskedP, _ResultT]:
    def asked(*args: _AskedP.args, **kwargs: _AskedP.kwargs) -> _ResultT:
        try:
            return ask(*args, **kwargs)
        except IndexDamagedError as error:
            raise DamagedIndexError(generation) from error

    return asked
