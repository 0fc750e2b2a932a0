"""Finds stored events: one small language, one plan tree, one answer order.

- ``language`` reads the query text into a plan (``plan``); ``fields`` knows the names, ``terms`` what a value means.
- ``match`` compiles a plan into a selection over the columns of a decoded block.
- ``search`` walks blocks newest first; ``arrival`` walks them in order of arrival.
- ``searcher`` is the face: asynchronous, bounded, JSON-ready.

Invariants: an answer's order is total (time, stream, sequence, index; newest first) and does not depend on how events
lie in blocks.  A page never misses a stored event that belongs on it.  When a limit stops the work the answer says so.
The room reads through :class:`collector.block.BlockSource` only.
"""

from collector.query.searcher import Searcher
from collector.query.settings import QuerySettings

__all__ = ["QuerySettings", "Searcher"]
