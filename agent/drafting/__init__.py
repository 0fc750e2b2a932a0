"""Drafting: a first profile for a log that no profile knows, from some of its lines.

- ``shapes``: what single values look like: addresses, durations, times, words for how something ended.
- ``detecting``: how the lines can be taken apart: which format, with which options.
- ``templates``: the sentences of a text log, with what varies in them.
- ``roles``: which value answers who, what, to what, how it ended, from where, how long.
- ``writing``: the draft as YAML, with a comment wherever a human must decide.
- ``draft``: all of it in order; the samples and their events.

A draft is made from names and shapes alone: it proposes, and says what it is not sure of.  It always loads, and its
samples are what it makes of their lines.
"""

from agent.drafting.draft import DraftError, draft_profile

__all__ = ["DraftError", "draft_profile"]
