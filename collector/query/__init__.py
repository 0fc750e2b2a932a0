"""Finds stored events and counts them: one small language, one plan tree, one answer order.

- ``language`` reads the query text into a plan (``plan``), ``canonical`` writes it back; ``fields`` knows the names,
  ``terms`` what a value means.
- ``masks`` compiles a plan for a segment's index: for each chunk of rows, which surely and which perhaps match.
  ``match`` compiles it for decoded blocks, and tests every event that is not sure.
- ``search`` walks *units* (chunks, blocks no index knows yet, archived segments) newest first; ``arrival`` walks blocks
  in order of arrival; ``counting`` counts what matches.
- ``answers`` is the face: a question and its parameters in, JSON out, in whatever process.

Invariants: an answer's order is total (time, stream, sequence, index; newest first) and does not depend on how events
lie in files.  A page never misses a stored event that belongs on it, also when files are replaced while it is made.
When a limit stops the work the answer says so.  The room reads through :class:`collector.block.BlockSource` and
:class:`collector.view.IndexSource` only.
"""

from collector.query import plan
from collector.query.answers import Answers
from collector.query.asked import asked_plan, asked_range
from collector.query.candidates import Candidates, candidates_of
from collector.query.errors import QueryError, problem_of
from collector.query.match import compile_plan
from collector.query.plan import Plan
from collector.query.settings import QuerySettings
from collector.query.unindexed import NoIndexes

__all__ = [
    "Answers",
    "Candidates",
    "NoIndexes",
    "Plan",
    "QueryError",
    "QuerySettings",
    "asked_plan",
    "asked_range",
    "candidates_of",
    "compile_plan",
    "plan",
    "problem_of",
]
