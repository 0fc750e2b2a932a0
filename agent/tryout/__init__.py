"""Trying: what becomes of each line of a file, and why, without an agent that runs.

- ``sources``: lines of a file, of standard input, or of files that are followed, framed as the agent frames them.
- ``deciding``: which profile understands a line best, and everything there is to know of what it makes of it.
- ``summary``: what became of all lines, by profile, reason and rule.
- ``showing``: all of it as text or JSON.

Nothing is written anywhere.  What is shown is redacted.
"""

from agent.tryout.deciding import Candidate, Verdict, decide, first_event
from agent.tryout.showing import Shower
from agent.tryout.summary import Summary

__all__ = ["Candidate", "Shower", "Summary", "Verdict", "decide", "first_event"]
