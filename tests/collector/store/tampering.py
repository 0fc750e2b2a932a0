"""Tampers with a folder of segments in one random way, as somebody with an editor and a knowledge of the format would.

Only what is the record is touched: the columns of blocks, parts, streams and what segments say of themselves, the
ledger, the checkpoints, whole files.  Bytes in free pages of a SQLite file, in the answers to Idempotency-Keys and in
indexes are not part of the record, and nothing is claimed of them.
"""

import random
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from collector.store.checkpoint import HEAD_FILE, LEDGER_FILE, read_checkpoint, sign
from collector.store.layout import order_of
from collector.store.ledger import FILE
from collector.store.signing import Signer
from collector.store.verify import key_of_folder

#: File name -> older valid contents of it.
Older = Mapping[str, Sequence[bytes]]


def tamper(folder: Path, rng: random.Random, older: Older) -> str:
    """Change one thing; return what was done."""
    return rng.choice(WAYS)(folder, rng, older)


def _hot(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.blk") if ".sealed" not in path.name)


def _newest(folder: Path) -> Path:
    return max(_hot(folder), key=lambda path: order_of(path.name.removesuffix(".blk")))


def _sealed(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.sealed.blk"))


def _flipped(value: Any, rng: random.Random) -> Any:
    if isinstance(value, int):
        return value ^ (1 << rng.randrange(40))
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(7 if isinstance(value, str) else 8)
    return raw.decode() if isinstance(value, str) else bytes(raw)


def _flip_cell(path: Path, rng: random.Random, table: str, key: str, columns: Sequence[str]) -> str:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        keys = [row[0] for row in connection.execute(f"SELECT {key} FROM {table} ORDER BY {key}")]
        chosen, column = rng.choice(keys), rng.choice(columns)
        (value,) = connection.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (chosen,)).fetchone()
        while True:
            try:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (_flipped(value, rng), chosen))
                break
            except sqlite3.IntegrityError:
                continue
    return f"flip {path.name} {table}[{chosen}].{column}"


def flip_hot_block(folder: Path, rng: random.Random, older: Older) -> str:
    columns = ("number", "n", "tmin", "tmax", "received", "stream", "sequence", "hash", "data", "data", "data")
    return _flip_cell(_busy(folder, rng), rng, "block", "number", columns)


def _busy(folder: Path, rng: random.Random) -> Path:
    """A hot segment with some blocks."""
    return rng.choice([path for path in _hot(folder) if len(_rows(path)) > 1])


def _rows(path: Path) -> list[tuple[Any, ...]]:
    column = "row" if ".sealed" in path.name else "number"
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT {column}, n FROM block ORDER BY {column}").fetchall()


def flip_stream_name(folder: Path, rng: random.Random, older: Older) -> str:
    path = _busy(folder, rng)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        used = [row[0] for row in connection.execute("SELECT DISTINCT stream FROM block ORDER BY 1")]
        chosen = rng.choice(used)
        connection.execute("UPDATE stream SET name = ? WHERE id = ?", (f"{rng.getrandbits(128):032x}", chosen))
    return f"rename stream {chosen} in {path.name}"


def flip_hot_meta(folder: Path, rng: random.Random, older: Older) -> str:
    return _flip_cell(rng.choice(_hot(folder)), rng, "meta", "key", ("value",))


def flip_sealed_block(folder: Path, rng: random.Random, older: Older) -> str:
    columns = ("row", "n", "tmin", "tmax", "received", "hash", "identities", "data", "data", "data")
    return _flip_cell(rng.choice(_sealed(folder)), rng, "block", "row", columns)


def retype_cell(folder: Path, rng: random.Random, older: Older) -> str:
    path = rng.choice((_busy(folder, rng), rng.choice(_sealed(folder))))
    key = "row" if ".sealed" in path.name else "number"
    column = rng.choice(("n", "tmin", "tmax", "received", "hash", "data"))
    chosen = rng.choice(_rows(path))[0]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"UPDATE block SET {column} = 'a text' WHERE {key} = ?", (chosen,))
    return f"write a text into {path.name} block[{chosen}].{column}"


def flip_sealed_part(folder: Path, rng: random.Random, older: Older) -> str:
    return _flip_cell(rng.choice(_sealed(folder)), rng, "part", "name", ("data",))


def flip_sealed_meta(folder: Path, rng: random.Random, older: Older) -> str:
    return _flip_cell(rng.choice(_sealed(folder)), rng, "meta", "key", ("value",))


def flip_file(folder: Path, rng: random.Random, older: Older) -> str:
    path = folder / rng.choice((FILE, LEDGER_FILE, HEAD_FILE))
    raw = bytearray(path.read_bytes())
    at = rng.randrange(len(raw))
    raw[at] ^= 1 << rng.randrange(8)
    path.write_bytes(raw)
    return f"flip byte {at} of {path.name}"


def flip_archive(folder: Path, rng: random.Random, older: Older) -> str:
    path = rng.choice(sorted(folder.glob("*.parquet")))
    path.write_bytes(_flipped(path.read_bytes(), rng))
    return f"flip {path.name}"


def remove_block(folder: Path, rng: random.Random, older: Older) -> str:
    path = rng.choice((_busy(folder, rng), rng.choice(_sealed(folder))))
    column = "row" if ".sealed" in path.name else "number"
    chosen = rng.choice(_rows(path))[0]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"DELETE FROM block WHERE {column} = ?", (chosen,))
    return f"remove block {chosen} of {path.name}"


def swap_blocks(folder: Path, rng: random.Random, older: Older) -> str:
    path = rng.choice((_busy(folder, rng), *[each for each in _sealed(folder) if len(_rows(each)) > 1]))
    column = "row" if ".sealed" in path.name else "number"
    first, second = (row[0] for row in rng.sample(_rows(path), 2))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for old, new in ((first, -1), (second, first), (-1, second)):
            connection.execute(f"UPDATE block SET {column} = ? WHERE {column} = ?", (new, old))
    return f"swap blocks {first} and {second} of {path.name}"


def cut_tail(folder: Path, rng: random.Random, older: Older) -> str:
    path = _newest(folder)
    rows = _rows(path)
    chosen = rng.choice(rows)[0]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM block WHERE number >= ?", (chosen,))
    return f"cut {path.name} off from {chosen} on"


def remove_segment(folder: Path, rng: random.Random, older: Older) -> str:
    some = (rng.choice(_hot(folder)), rng.choice(_sealed(folder)), _newest(folder))
    path = rng.choice((*some, *folder.glob("*.parquet")))
    path.unlink()
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    return f"remove {path.name}"


def exchange_segments(folder: Path, rng: random.Random, older: Older) -> str:
    first, second = rng.sample(rng.choice((_sealed(folder), _hot(folder))), 2)
    aside = folder / "aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    return f"exchange {first.name} and {second.name}"


def copy_segment(folder: Path, rng: random.Random, older: Older) -> str:
    path = rng.choice((_newest(folder), rng.choice(_sealed(folder))))
    target = folder / ("2099-01-01.sealed.blk" if ".sealed" in path.name else "2099-01-01.blk")
    shutil.copy(path, target)
    return f"copy {path.name} to {target.name}"


def older_checkpoint(folder: Path, rng: random.Random, older: Older) -> str:
    name = rng.choice(sorted(older))
    at = rng.randrange(len(older[name]))
    (folder / name).write_bytes(older[name][at])
    return f"put the older {name} number {at} in its place"


def foreign_checkpoint(folder: Path, rng: random.Random, older: Older) -> str:
    path = folder / rng.choice((LEDGER_FILE, HEAD_FILE))
    checkpoint = read_checkpoint(path.read_bytes(), key_of_folder(folder))
    signer = Signer(key_of_folder(folder).name, Ed25519PrivateKey.generate())
    path.write_bytes(sign(signer, checkpoint))
    return f"sign {path.name} with another key"


def remove_checkpoint(folder: Path, rng: random.Random, older: Older) -> str:
    path = folder / rng.choice((LEDGER_FILE, HEAD_FILE, FILE))
    path.unlink()
    return f"remove {path.name}"


def drop_entries(folder: Path, rng: random.Random, older: Older) -> str:
    path = folder / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    chosen = rng.randrange(len(lines))
    kept = lines[:chosen] if rng.random() < 0.5 else lines[:chosen] + lines[chosen + 1 :]
    path.write_bytes(b"".join(kept))
    return f"drop entry {chosen} of the ledger, {len(lines) - len(kept)} in all"


def swap_entries(folder: Path, rng: random.Random, older: Older) -> str:
    path = folder / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    first, second = rng.sample(range(len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]
    path.write_bytes(b"".join(lines))
    return f"swap entries {first} and {second} of the ledger"


WAYS: tuple[Callable[[Path, random.Random, Older], str], ...] = (
    flip_hot_block, flip_hot_block, flip_hot_block, flip_stream_name, flip_hot_meta, flip_sealed_block,
    flip_sealed_block, retype_cell, flip_sealed_part, flip_sealed_meta, flip_file, flip_file, flip_archive,
    remove_block, remove_block, swap_blocks, swap_blocks, cut_tail, cut_tail, remove_segment, remove_segment,
    exchange_segments, copy_segment, older_checkpoint, older_checkpoint, foreign_checkpoint, remove_checkpoint,
    drop_entries, swap_entries,
)  # fmt: skip
