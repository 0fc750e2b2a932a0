"""Saved filters: a name for a selection of events, for oneself or for everyone.

- ``store`` keeps them in ``state.db``; ``migrations`` is its table.
- ``decisions``: who may see, change and remove one.

Invariants: a filter of somebody's own is invisible to all others, as if it were not there; a change names the version
it changes; a filter holds no range unless its owner asked for one.
"""

from collector.filters.migrations import MIGRATIONS
from collector.filters.settings import FilterSettings
from collector.filters.store import FilterStore

__all__ = ["MIGRATIONS", "FilterSettings", "FilterStore"]
