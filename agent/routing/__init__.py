"""Logs of several programs: each line goes to the first of some profiles that it is of."""

from agent.routing.router import Routable, Router

__all__ = ["Routable", "Router"]
