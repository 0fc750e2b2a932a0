"""Metrics: a port of the agent's own for Prometheus and for whoever asks whether all is well; closed unless asked for.

- ``settings``: where, and how much.
- ``text``: the text format of Prometheus (pure).
- ``server``: ``GET /metrics`` and ``GET /healthz``.
"""

from agent.metrics.server import MetricsServer
from agent.metrics.settings import MetricsSettings, is_loopback, split_address
from agent.metrics.text import Family, render

__all__ = ["Family", "MetricsServer", "MetricsSettings", "is_loopback", "render", "split_address"]
