"""How long events are kept, in which form, and what outlives them.

- ``plan`` decides what is due: pure, over what is known of each segment; ``settings`` are its rules.
- ``measure`` counts a finished segment, ``rollups`` keeps the counts: scopes for the plan, hours for
  ever; ``history`` answers from them.
- ``keeper`` does one piece of work a call; ``state`` remembers holds, purges and reports; ``reports`` words them.
- ``cli`` are the operator's commands.

Invariants: nothing is deleted that a hold fits.  Every deletion is told of by one event in the store, whenever the
process is killed.  A segment is counted once.  The room knows the store only as :class:`Shelf`.
"""

from collector.lifecycle.history import History
from collector.lifecycle.keeper import Keeper, Removal, Shelf, Stay
from collector.lifecycle.rollups import Bucket, Rollups, read_buckets
from collector.lifecycle.settings import HoldSettings, LifecycleSettings, ScopeSettings
from collector.lifecycle.state import Report, RetentionState

__all__ = [
    "Bucket",
    "History",
    "HoldSettings",
    "Keeper",
    "LifecycleSettings",
    "Removal",
    "Report",
    "RetentionState",
    "Rollups",
    "ScopeSettings",
    "Shelf",
    "Stay",
    "read_buckets",
]
