"""Alerts: what the rules found, kept with its evidence, and told to those who asked for it.

``AlertStore`` writes alerts, notifications and the rules' watermark in one transaction; ``Sender`` works the
notifications off.
"""

from collector.alert.cursor import CursorError
from collector.alert.migrations import MIGRATIONS
from collector.alert.sender import ChannelCounters, Sender
from collector.alert.settings import AlertLimits, AlertSettings, ChannelSettings, WebhookSettings, channel_problems
from collector.alert.store import AlertStore, Watermark

__all__ = [
    "MIGRATIONS",
    "AlertLimits",
    "AlertSettings",
    "AlertStore",
    "ChannelCounters",
    "ChannelSettings",
    "CursorError",
    "Sender",
    "Watermark",
    "WebhookSettings",
    "channel_problems",
]
