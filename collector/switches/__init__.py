"""Which rules people switched off: kept in ``state.db``, together with the events that tell of it.

Invariants: a switch and its event are written in one transaction, so that neither is there without the other; a rule
that nobody ever switched has no row, and is on.
"""

from collector.switches.migrations import MIGRATIONS
from collector.switches.store import Report, RuleSwitches, Switch

__all__ = ["MIGRATIONS", "Report", "RuleSwitches", "Switch"]
