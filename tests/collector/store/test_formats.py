"""What is packed, hashed and signed: the same as others would make of it, and read back as it was."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from collector.store.checkpoint import Checkpoint, read_checkpoint, sign
from collector.store.directory import Directory
from collector.store.identities import BATCH_COLUMNS, Batches, Identities, pack_identities, unpack_identities
from collector.store.layout import following_name, forms, name_of, order_of
from collector.store.merkle import leaf_hash, root_of
from collector.store.packing import PackedError, pack, unpack
from collector.store.signing import NoteError, Signer, VerifierKey
from tests.collector.store.batches import TIME

NUMBERS = st.integers(-(2**63), 2**63 - 1)

#: The entries and roots that the implementations of Certificate Transparency are tested with.
ENTRIES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)

#: The example of golang.org/x/mod/sumdb/note, where the form comes from.
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""


def test_roots_are_those_of_certificate_transparency() -> None:
    leaves = [leaf_hash(bytes.fromhex(entry)) for entry in ENTRIES]
    assert [root_of(leaves[:size]).hex() for size in range(1, 9)] == list(ROOTS)
    assert root_of([]) == hashlib.sha256().digest()


def test_a_note_that_another_program_signed_is_opened() -> None:
    key = VerifierKey.parse(KEY)
    assert key.opened(NOTE.encode()) == NOTE.split("\n\n")[0] + "\n"
    assert str(key) == KEY
    with pytest.raises(NoteError):
        key.opened(NOTE.replace("cryptography", "Cryptography").encode())
    with pytest.raises(NoteError):
        key.opened(NOTE.replace("JnAM=", "JnAN=").encode())


@given(size=st.integers(0, 2**62), state=st.sampled_from(("running", "closed")), head=st.booleans())
def test_a_checkpoint_is_read_back_by_its_own_key_only(size: int, state: str, head: bool) -> None:
    signer = Signer("watchbook/abc", Ed25519PrivateKey.generate())
    origin = "watchbook/abc/head" if head else "watchbook/abc"
    checkpoint = Checkpoint(origin, size, bytes(range(32)), TIME, state, 10.0)  # type: ignore[arg-type]
    note = sign(signer, checkpoint)
    assert read_checkpoint(note, signer.verifier) == checkpoint
    with pytest.raises(NoteError):
        read_checkpoint(note, Signer("watchbook/abc", Ed25519PrivateKey.generate()).verifier)
    with pytest.raises(NoteError, match="not of watchbook/abc"):
        read_checkpoint(sign(signer, checkpoint._replace(origin="watchbook/abd")), signer.verifier)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS)))
def test_packed_columns_are_read_back(rows: Sequence[tuple[int, int, int]]) -> None:
    columns = list(np.array(rows, np.int64).reshape(-1, 3).T)
    again = unpack(pack(columns), 3, bytes_max=1 << 20)
    assert [column.tolist() for column in again] == [column.tolist() for column in columns]


@given(st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 4095)), unique=True, max_size=600))
def test_packed_identities_are_read_back(pairs: Sequence[tuple[int, int]]) -> None:
    positions, indices = np.array(pairs, np.int64).reshape(-1, 2).T
    again = unpack_identities(pack_identities(positions, indices), len(pairs))
    assert [column.tolist() for column in again] == [positions.tolist(), indices.tolist()]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4095)), unique=True, min_size=1, max_size=600))
def test_one_identity_alone_is_that_of_all_unpacked(pairs: Sequence[tuple[int, int]]) -> None:
    positions, indices = np.array(pairs, np.int64).reshape(-1, 2).T
    numbers = np.arange(21)
    batches = Batches(
        number=numbers, n=numbers * 2, kept=numbers * 3, received=numbers * 4, stream=numbers, sequence=numbers * 7,
        tmin=numbers * 7, tmax=numbers * 7, digest=numbers * 7,
    )  # fmt: skip
    names = [f"stream{number}" for number in range(21)]
    packed = Identities.packed(batches, names, pack_identities(positions, indices), len(pairs))
    unpacked = Identities(batches, names, (positions, indices))
    assert [packed[place] for place in range(-1, len(pairs))] == [unpacked[place] for place in range(-1, len(pairs))]
    assert packed.positions.tolist() == positions.tolist()
    assert len(packed) == len(unpacked) == len(pairs)


@given(st.lists(st.lists(NUMBERS, min_size=9, max_size=9), max_size=20))
def test_a_packed_table_of_batches_is_read_back(rows: Sequence[Sequence[int]]) -> None:
    columns = np.array(rows, np.int64).reshape(-1, 9).T
    batches = Batches(*columns)
    again = Batches.unpacked(batches.packed())
    assert all((getattr(again, name) == getattr(batches, name)).all() for name in BATCH_COLUMNS)


@given(st.binary(max_size=40), st.integers(0, 200))
def test_damaged_bytes_are_known_for_it(noise: bytes, at: int) -> None:
    good = pack_identities(np.arange(100) // 7, np.arange(100) % 7)
    bad = good[:at] + noise + good[at + 1 :]
    if bad != good:
        with pytest.raises(PackedError):
            unpack_identities(bad, 100)
    with pytest.raises(PackedError):
        unpack_identities(good, 99)


def test_parts_of_a_day_are_in_order_beyond_a_thousand() -> None:
    names = [name_of("2026-11-21", part) for part in range(1, 1203)] + ["2026-11-22"]
    files = [f"{name}.blk" for name in reversed(names)]
    assert [form.name for form in forms(files)] == names
    assert sorted(names, key=order_of) == names
    assert following_name("2026-11-21", names[:-1]) == "2026-11-21.1203"
    assert following_name("2026-11-20", names) == "2026-11-22.002"
    assert following_name("2026-11-23", names) == "2026-11-23"


def test_of_two_forms_of_a_segment_the_later_counts_and_what_is_being_made_does_not() -> None:
    files = ["2026-11-21.blk", "2026-11-21.sealed.blk", "2026-11-21.sealed.ix", "2026-11-22.blk-wal", "2026-11-22.blk"]
    files += ["2026-11-22.sealed.blk.new", "2026-11-20.parquet", "2026-11-20.sealed.blk", "ledger.jsonl", "lock"]
    assert forms(files) == [("2026-11-20", "archived"), ("2026-11-21", "sealed"), ("2026-11-22", "hot")]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=200), st.data())
def test_a_directory_finds_the_blocks_of_rows(sizes: Sequence[int], data: st.DataObject) -> None:
    directory = Directory("s")
    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    for start, n in zip(starts, sizes, strict=True):
        directory.extend([(start, start + 1, n, start, start + n, 0, -1, 0)])
    low = data.draw(st.integers(0, sum(sizes) + 2))
    high = data.draw(st.none() | st.integers(low, sum(sizes) + 2))
    end = sum(sizes) if high is None else high
    expected = [start for start, n in zip(starts, sizes, strict=True) if start < end and start + n > low]
    found = directory.rows(low, high)
    assert [info.row for info in found] == expected
    assert found.row_starts.tolist() == expected
    assert [found[at].row for at in range(-len(found), 0)] == expected
    assert directory.end_row == sum(sizes)
