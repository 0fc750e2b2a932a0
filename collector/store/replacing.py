"""Puts another form of a segment in the place of the one there is, so that no instant of a crash loses or doubles it.

1. The new files are written beside the old ones, as ``NAME….new``, and synced.
2. The ledger gets its entry, and the entry its signature.
3. The new files are renamed to their names, the index first; the folder is synced.
4. The old files are unlinked.

A reader sees the old form until the rename, the new one from then on.  :func:`settle` brings a segment to where its
last entry in the ledger says it is: it ends what was cut off after step 2, and undoes what was cut off before.
"""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from collector.store import sealed
from collector.store.archived import ArchivedInfo
from collector.store.connections import open_segment
from collector.store.durable import sync_folder
from collector.store.layout import ARCHIVED_INFO_SUFFIX, NEW_SUFFIX, form_of, index_path_of, path_of
from collector.store.ledger import Entry, Ledger
from watchbook.logs import get_logger

log = get_logger("store")
_HASHED_AT_ONCE: Final = 1 << 20


def new_path(path: Path) -> Path:
    """Return where a file is written before it takes its place."""
    return path.with_name(path.name + NEW_SUFFIX)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_HASHED_AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()


def settle_all(folder: Path, ledger: Ledger) -> None:
    """Bring every segment to where the ledger says it is, and clear away what nothing came of."""
    names = {form.name for path in folder.iterdir() if (form := form_of(path.name.removesuffix(NEW_SUFFIX)))}
    for name in sorted(names | set(ledger.segments())):
        settle(folder, name, ledger.latest(name))
    for path in folder.glob(f"[0-9]*{NEW_SUFFIX}"):
        path.unlink(missing_ok=True)
    for path in folder.glob(f"[0-9]*{NEW_SUFFIX}.tmp"):
        shutil.rmtree(path, ignore_errors=True)
    sync_folder(folder)


def settle(folder: Path, name: str, entry: Entry | None) -> None:
    """Bring one segment to where its last entry says it is; doing so again changes nothing."""
    if entry is None:
        return
    if entry["type"] == "removed":
        _unlink(folder, name, "hot", "sealed", "archived")
    elif "sha256" in entry:  # archived, or written again after it was
        if _place_archived(folder, name, str(entry["sha256"])):
            _unlink(folder, name, "hot", "sealed")
    elif _place_sealed(folder, name, bytes.fromhex(entry["root"])):
        _unlink(folder, name, "hot")
    else:
        log.error("segment_missing", segment=name, next_step="run 'watchbook verify'")


def _place_sealed(folder: Path, name: str, root: bytes) -> bool:
    """Return whether the sealed form with this root is in its place, having put it there if need be."""
    path, index_path = path_of(folder, name, "sealed"), index_path_of(folder, name, "sealed")
    if root_of_file(new_path(path)) != root:
        return root_of_file(path) == root
    if new_path(index_path).exists():
        new_path(index_path).replace(index_path)
    new_path(path).replace(path)
    sync_folder(folder)
    return True


def root_of_file(path: Path) -> bytes | None:
    """Return the root that a sealed file states, None when there is no such file or it is not finished."""
    if not path.exists():
        return None
    try:
        with closing(open_segment(path, immutable=True)) as connection:
            return sealed.read_meta(connection).root
    except (sqlite3.Error, KeyError, TypeError):
        return None


def _place_archived(folder: Path, name: str, sha256: str) -> bool:
    path, info_path = path_of(folder, name, "archived"), folder / f"{name}{ARCHIVED_INFO_SUFFIX}"
    if _archived_sha256(new_path(info_path)) == sha256:
        new_path(info_path).replace(info_path)
    if _archived_sha256(info_path) != sha256:
        return False
    # Not any file that was being made: only the one that the ledger tells of.
    if new_path(path).exists() and sha256_of(new_path(path)) == sha256:
        new_path(path).replace(path)
    sync_folder(folder)
    return path.exists()


def _archived_sha256(path: Path) -> str | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ArchivedInfo).sha256
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _unlink(folder: Path, name: str, *tiers: str) -> None:
    """Remove the files of some forms of a segment: its own, its index's, and what SQLite keeps beside them."""
    for tier in tiers:
        paths = [path_of(folder, name, tier), index_path_of(folder, name, tier)]  # type: ignore[arg-type]
        if tier == "archived":
            paths.append(folder / f"{name}{ARCHIVED_INFO_SUFFIX}")
        for path in paths:
            for ending in ("", "-wal", "-shm", "-journal"):
                path.with_name(path.name + ending).unlink(missing_ok=True)
