"""Sends checkpoints off the host, where whoever changes this log cannot change them too.

- ``settings`` say where to; ``sender`` sends what is new, again and again until it was taken; ``delivery`` is one
  attempt; ``memory`` is what each destination was sent last.

Invariants: a checkpoint is sent byte for byte as it was signed.  Nothing is taken for sent before the destination took
it.  A change of the destinations is an event in the store.
"""

from collector.destinations.delivery import Checkpoint
from collector.destinations.sender import CheckpointSender, DestinationCounters
from collector.destinations.settings import CheckpointSettings, DestinationSettings, destination_problems

__all__ = [
    "Checkpoint",
    "CheckpointSender",
    "CheckpointSettings",
    "DestinationCounters",
    "DestinationSettings",
    "destination_problems",
]
