"""Profiles: what the lines of one kind of log mean, written down in YAML and compiled to Python once.

:func:`load_profile` reads a file of ``config/profiles/`` into a :class:`Definition`, with every mistake named by file,
line and column.  :func:`compile_profile` makes the :class:`agent.records.Normaliser` of it.

Invariants: nothing a line said is lost (what no field took is in ``details``), nothing is invented (what cannot be read
leaves its field absent), and one strange line never touches another.
"""

from agent.profile.compiled import CompiledProfile
from agent.profile.compiling import compile_profile
from agent.profile.definition import Definition
from agent.profile.folder import ProfileFolder
from agent.profile.reading import load_profile, load_profiles
from agent.profile.times import zone_named

__all__ = [
    "CompiledProfile",
    "Definition",
    "ProfileFolder",
    "compile_profile",
    "load_profile",
    "load_profiles",
    "zone_named",
]
