"""The operator's words: ``watchbook search``, ``tail`` and ``alerts``, over the collector's API.

- ``options``: what every word takes (address, token, output), and how it ends.
- ``connection``: asks the collector; every failure becomes a sentence that says what to check next.
- ``paging`` and ``following``: pages by cursor, and the tail.
- ``cells``, ``printing``: events and alerts as rows; a table on a terminal, NDJSON in a pipe.

Invariants: what events hold never reaches a terminal as a control sequence; NDJSON is the collector's own JSON, one
object a line; results go to standard output, everything said about them to standard error.
"""
