"""Logs of several programs, and logs of which nobody said what they are.

- ``router``: each line goes to the first of some profiles that it is of.
- ``choosing``: which profiles a log is of, told by its first lines (pure).
- ``undecided``: lines for which no profile was found.
- ``settings``: limits.
"""

from agent.routing.choosing import Candidate, Chosen, choose
from agent.routing.router import Routable, Router
from agent.routing.settings import AutoSettings
from agent.routing.undecided import Undecided

__all__ = ["AutoSettings", "Candidate", "Chosen", "Routable", "Router", "Undecided", "choose"]
