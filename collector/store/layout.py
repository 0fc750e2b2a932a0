"""Which files of the folder belong to which segment, and which of a segment's forms counts.

A segment is called after the day (UTC) on which it began; the second of a day is ``2026-11-21.002``.  It lies in the
folder in one of three forms, and for a moment, while one takes the place of another, in two: then the later form of
this list counts::

    NAME.blk            hot: batches as they came          index NAME.ix
    NAME.sealed.blk     sealed: ordered by time, immutable index NAME.sealed.ix
    NAME.parquet        archived; NAME.parquet.json beside it says what it spans (:mod:`collector.store.archived`)

A file whose name ends in ``.new`` is being made and is nothing to a reader.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from collector.block import Tier

HOT_SUFFIX: Final = ".blk"
SEALED_SUFFIX: Final = ".sealed.blk"
ARCHIVED_SUFFIX: Final = ".parquet"
ARCHIVED_INFO_SUFFIX: Final = ".parquet.json"
NEW_SUFFIX: Final = ".new"

_SUFFIXES: Final[dict[Tier, str]] = {"hot": HOT_SUFFIX, "sealed": SEALED_SUFFIX, "archived": ARCHIVED_SUFFIX}
_INDEX_SUFFIXES: Final[dict[Tier, str]] = {"hot": ".ix", "sealed": ".sealed.ix", "archived": ".parquet.ix"}
_FILE: Final = re.compile(r"(?P<name>\d{4}-\d\d-\d\d(?:\.\d+)?)(?P<suffix>\.blk|\.sealed\.blk|\.parquet)")
_TIER_OF: Final[dict[str, Tier]] = {suffix: tier for tier, suffix in _SUFFIXES.items()}
_RANK: Final[dict[Tier, int]] = {"hot": 0, "sealed": 1, "archived": 2}


class Form(NamedTuple):
    """One segment in one form."""

    name: str
    tier: Tier


def order_of(name: str) -> tuple[str, int]:
    """Return what segments are ordered by: the day, then the number of the part."""
    return name[:10], int(name[11:] or 1)


def name_of(day: str, part: int) -> str:
    """Return the name of the ``part``-th segment (from 1) of a day."""
    return day if part == 1 else f"{day}.{part:03}"


def following_name(day: str, names: Iterable[str]) -> str:
    """Return the name of the next segment: on the day given, or on the newest there is when that is later."""
    newest = max((order_of(name) for name in names), default=("", 0))
    if day > newest[0]:
        return name_of(day, 1)
    return name_of(newest[0], newest[1] + 1)


def form_of(file_name: str) -> Form | None:
    """Return which segment a file holds in which form, None when it is no segment's."""
    match = _FILE.fullmatch(file_name)
    return None if match is None else Form(match["name"], _TIER_OF[match["suffix"]])


def forms(file_names: Iterable[str]) -> list[Form]:
    """Return each segment once, in the form that counts, oldest first."""
    counting: dict[str, Form] = {}
    for file_name in file_names:
        form = form_of(file_name)
        if form is not None and (form.name not in counting or _RANK[form.tier] > _RANK[counting[form.name].tier]):
            counting[form.name] = form
    return sorted(counting.values(), key=lambda form: order_of(form.name))


def forms_in(folder: Path) -> list[Form]:
    """Return the segments of a folder as :func:`forms` does."""
    return forms(path.name for path in folder.iterdir())


def path_of(folder: Path, name: str, tier: Tier) -> Path:
    """Return the file of a segment in one of its forms."""
    return folder / f"{name}{_SUFFIXES[tier]}"


def index_path_of(folder: Path, name: str, tier: Tier) -> Path:
    """Return the file of the index of a segment in one of its forms."""
    return folder / f"{name}{_INDEX_SUFFIXES[tier]}"
