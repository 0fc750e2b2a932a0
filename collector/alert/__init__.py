"""Alerts: what the rules found, kept with its evidence.

``AlertStore`` writes alerts, what happened to them and the rules' watermark in one transaction.  ``AlertDesk`` is what
people see and do: they acknowledge, resolve and judge alerts, silence some
for a time, and make exceptions of rules.

Invariants: an alert changes together with the transition that tells of it; what people do becomes an event in the
transaction of the act; an alert that is kept quiet is stored and shown all the same.
"""

from collector.alert.acts import DISPOSITIONS
from collector.alert.cursor import CursorError
from collector.alert.desk import AlertDesk
from collector.alert.exception_rows import read_exceptions
from collector.alert.exceptions import EXCEPTION_STATES, Fields
from collector.alert.life import STATUSES
from collector.alert.migrations import MIGRATIONS
from collector.alert.pages import Filters
from collector.alert.rows import AlertView
from collector.alert.settings import AlertSettings
from collector.alert.silences import SILENCE_STATES
from collector.alert.store import AlertStore, Watermark
from collector.alert.transitions import Transition

__all__ = [
    "DISPOSITIONS",
    "EXCEPTION_STATES",
    "MIGRATIONS",
    "SILENCE_STATES",
    "STATUSES",
    "AlertDesk",
    "AlertSettings",
    "AlertStore",
    "AlertView",
    "CursorError",
    "Fields",
    "Filters",
    "Transition",
    "Watermark",
    "read_exceptions",
]
