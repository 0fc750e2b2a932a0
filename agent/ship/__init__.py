"""Shipping: batches to the collector over HTTP, in order, retried for ever, nothing dropped."""

from agent.ship.settings import ShipSettings
from agent.ship.shipper import Journal, Shipper, ShipState

__all__ = ["Journal", "ShipSettings", "ShipState", "Shipper"]
