"""Tailing: every line of the files that an input names, once, across rotation, truncation and restarts.

- ``settings``: limits.
- ``names``: which file names are rotated forms of which (pure).
- ``track``: what is remembered of one file's content.
- ``contents``: reads heads and anchors of files (I/O).
- ``listing``: what lies in the folders (I/O).
- ``reconcile``: from tracks and listing to what each track now is (decisions; reads contents only through a port).
- ``framing``: bytes to lines (pure).
- ``tailer``: holds the open files and reads them.
- ``waker``: hints that something changed (watchfiles).

Identity is device + inode AND the head of the content; hints only wake, truth is stat and read.
"""

from agent.tail.settings import InputFiles, TailSettings
from agent.tail.tailer import Tailer
from agent.tail.track import Track
from agent.tail.waker import Waker

__all__ = ["InputFiles", "TailSettings", "Tailer", "Track", "Waker"]
