"""Formats: how the text of a line is taken apart into named values, before any profile gives them a meaning.

Every reader turns one line (bytes, without its newline) into a fresh dict that the caller may change.  A value that
the source leaves open (``-`` in a web log) is left out.  Nothing is dropped: what a format does not know goes under a
key of its own.

A format with options (CSV, pairs) is made for them by its ``make``.
"""

from collections.abc import Mapping
from typing import Final

from agent.parse.auditd import AUDITD
from agent.parse.combined import COMBINED
from agent.parse.csv_lines import CSV
from agent.parse.format import Format
from agent.parse.json_lines import JSON
from agent.parse.logfmt import LOGFMT
from agent.parse.pairs import PAIRS
from agent.parse.query import QUERY
from agent.parse.syslog import SYSLOG
from agent.parse.text import TEXT

FORMATS: Final[Mapping[str, Format]] = {
    found.name: found for found in (JSON, COMBINED, SYSLOG, LOGFMT, CSV, PAIRS, QUERY, AUDITD, TEXT)
}

__all__ = ["FORMATS", "Format"]
