"""Discovery: which logs a host has, and which inputs would read them.  It writes nothing.

- ``places``: the table of known logs (``config/discover.yaml``).
- ``walking``: what lies in the folders, rotated files under the name of the live one (I/O).
- ``trying``: which profile understands the last lines of a file, and how many of them.
- ``proposing``: from all that to inputs.
- ``showing``: a table for people, and the section ``inputs`` for ``agent.yaml``.
"""

from agent.discover.proposing import Discovery, discover
from agent.discover.showing import as_json, as_table, as_yaml

__all__ = ["Discovery", "as_json", "as_table", "as_yaml", "discover"]
