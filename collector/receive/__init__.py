"""Receiving: batches of agents and events of anybody, checked, bounded, and acknowledged only when they are on disk."""

from collector.receive.handlers import Receiver
from collector.receive.settings import ReceiveSettings

__all__ = ["ReceiveSettings", "Receiver"]
