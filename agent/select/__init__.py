"""Selection: events that an input drops, or keeps only a share of, by what their fields say.

- ``conditions``: what a rule asks of an event, read from the configuration.
- ``settings``: the rules of ``drop`` and ``sample``.
- ``code``: conditions to Python over the rows of one profile; what the profile's constants decide is decided there.
- ``selection``: the rules at work.

Invariants: whatever is dropped is counted under the name of its rule; a line that no profile understood is never
dropped; the same line (at the same place of its file) is decided the same way each time it is read.
"""

from agent.select.checks import name_nodes, repeated_names
from agent.select.conditions import Conditions
from agent.select.selection import DROPPED_BY, KEPT_BY, Selection
from agent.select.settings import DropSettings, SampleSettings, Share

__all__ = [
    "DROPPED_BY",
    "KEPT_BY",
    "Conditions",
    "DropSettings",
    "SampleSettings",
    "Selection",
    "Share",
    "name_nodes",
    "repeated_names",
]
