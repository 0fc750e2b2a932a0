"""Tailing: every line of the files that an input names, once, across rotation, truncation and restarts.

- ``settings``: limits.
- ``names``: which file names are rotated forms of which (pure).
- ``track``: what is remembered of one file's content.
- ``contents``: reads heads and anchors of files (I/O).
- ``listing``: what lies in the folders (I/O).
- ``reconcile``: from tracks and listing to what each track now is (decisions; reads contents only through a port).
- ``framing``: bytes to lines; ``encodings``: of whatever encoding; ``multiline``: lines to records (pure).
- ``reading``: the next lines of a file that is held open.
- ``tailer``: holds the open files and reads them in turn.
- ``waker``: hints that something changed (watchfiles).

Identity is device + inode AND the head of the content; hints only wake, truth is stat and read.
"""

from agent.tail.encodings import normal_name
from agent.tail.multiline import MultilineSettings, Records, join_lines
from agent.tail.settings import InputFiles, TailSettings
from agent.tail.tailer import Tailer
from agent.tail.track import Account, Track
from agent.tail.waker import Waker

__all__ = [
    "Account",
    "InputFiles",
    "MultilineSettings",
    "Records",
    "TailSettings",
    "Tailer",
    "Track",
    "Waker",
    "join_lines",
    "normal_name",
]
