"""The spool: batches and the positions they were read up to, on disk in one transaction, until acknowledged."""

from agent.spool.backlog import Backlog, Pending
from agent.spool.settings import SpoolSettings
from agent.spool.spool import Group, Spool

__all__ = ["Backlog", "Group", "Pending", "Spool", "SpoolSettings"]
