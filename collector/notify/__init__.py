"""Notifications: who is told about alerts, when, how often, and by what.

``plan`` decides (pure), ``Dispatcher`` reads what happened to alerts and writes what is to be told, ``Sender`` works
that off through the channels, ``NotifyDesk`` is what people see and do.  ``Notifier`` holds them together.

Invariants: notifications and how far the transitions were read are one transaction, so nothing that happens to an alert
is passed over or planned twice; a notification is struck off only after its channel took it, so it is sent at least
once, always under the same id; what a channel cannot be told is a dead letter that people see, and an alert on the
other channels; what is held back is said.
"""

from collector.notify.checks import notify_problems, present_form
from collector.notify.migrations import MIGRATIONS
from collector.notify.notifier import Notifier
from collector.notify.outbox import STATES
from collector.notify.routing import FAILING_RULE
from collector.notify.settings import ChannelSettings, NotifySettings, RouteSettings
from collector.notify.view import AlertReader, AlertView, Transition

__all__ = [
    "FAILING_RULE",
    "MIGRATIONS",
    "STATES",
    "AlertReader",
    "AlertView",
    "ChannelSettings",
    "Notifier",
    "NotifySettings",
    "RouteSettings",
    "Transition",
    "notify_problems",
    "present_form",
]
