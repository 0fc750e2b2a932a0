"""The processes of the one daemon: the main one supervises workers that answer queries, and one that indexes and seals.

A child is ``python -m collector.worker KIND``, spoken to in frames over its stdin and stdout (:mod:`.frames`).  It gets
the settings that the main process runs with as its first frame, says ``ready``, and works until its pipe is closed.  A
child that dies is started again after a pause that grows; nothing that a child does is the truth about anything, so
that it may be killed at every moment.  A question whose worker dies is asked once more; one that does not end is
refused and its worker killed.  Children end with their parent, however that ends.
"""

from collector.processes.child import Recipe
from collector.processes.frames import Frame
from collector.processes.index_process import IndexProcess
from collector.processes.parent import Parent, stand_back
from collector.processes.pool import QueryPool
from collector.processes.requests import RequestError, Requests
from collector.processes.roster import Roster
from collector.processes.rounds import Rounds
from collector.processes.serving import Cancelled, QuestionServer
from collector.processes.settings import ProcessSettings

__all__ = [
    "Cancelled",
    "Frame",
    "IndexProcess",
    "Parent",
    "ProcessSettings",
    "QueryPool",
    "QuestionServer",
    "Recipe",
    "RequestError",
    "Requests",
    "Roster",
    "Rounds",
    "stand_back",
]
