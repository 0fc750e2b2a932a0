"""Shipping: batches to the collector over HTTP, in order, retried for ever, nothing dropped."""

from agent.ship.connection import Connection, Probe
from agent.ship.http import Session
from agent.ship.settings import ShipSettings, TlsSettings, ship_problems
from agent.ship.shipper import Journal, Shipper
from agent.ship.state import ShipState
from agent.ship.tls import expiry_problems, followed_context

__all__ = [
    "Connection",
    "Journal",
    "Probe",
    "Session",
    "ShipSettings",
    "ShipState",
    "Shipper",
    "TlsSettings",
    "expiry_problems",
    "followed_context",
    "ship_problems",
]
