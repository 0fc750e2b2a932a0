"""What the agent and the collector share: the event, the wire, configuration files, the daemon frame, the command line.

Nothing here imports ``agent`` or ``collector``; both import from here.
"""

__version__ = "0.1.0"
