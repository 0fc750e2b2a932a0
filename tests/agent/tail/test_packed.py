"""Compressed files read like plain ones: every offset, several members, damage, and what is not finished yet."""

import bz2
import gzip
import lzma
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from agent.tail import InputFiles, Tailer, TailSettings
from agent.tail.contents import DiskContents, UnreadableError
from agent.tail.listing import look_at
from agent.tail.packed import PackedDamagedError, PackedFile, is_packed

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.ZstdCompressor().compress,
}  # fmt: skip
ENDINGS = sorted(PACKERS)
CONTENT = random.Random(3).randbytes(300_000) + b"\n".join(b"line %d" % n for n in range(200_000))


@pytest.mark.parametrize("ending", ENDINGS)
def test_any_piece_of_the_content_is_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"app.log.1{ending}"
    half = len(CONTENT) // 2
    path.write_bytes(PACKERS[ending](CONTENT[:half]) + PACKERS[ending](CONTENT[half:]))
    rng = random.Random(ending)
    with closing(PackedFile(str(path))) as file:
        assert file.size() == len(CONTENT)
        for _ in range(40):
            offset, size = rng.randrange(len(CONTENT) + 10), rng.choice((1, 1024, 262_144, 1_000_000))
            assert file.pread(size, offset) == CONTENT[offset : offset + size]
        offset = 0
        while piece := file.pread(100_000, offset):
            assert piece == CONTENT[offset : offset + 100_000]
            offset += len(piece)
        assert offset == len(CONTENT)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_cut_off_empty_or_none_is_damaged_and_looked_at_again_when_it_changes(
    tmp_path: Path, ending: str
) -> None:
    path, whole = tmp_path / f"app.log.1{ending}", PACKERS[ending](CONTENT)
    contents = DiskContents()
    for content in (b"", b"nothing like it", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(content)
        with closing(PackedFile(str(path))) as file, pytest.raises(PackedDamagedError):
            file.size()
        found = look_at(str(path))
        assert found is not None
        with pytest.raises(UnreadableError):
            contents.unpacked(found)
        assert str(path) in contents.errors
    path.write_bytes(whole)
    found = look_at(str(path))
    assert found is not None
    unpacked = contents.unpacked(found)
    assert (unpacked.size, unpacked.packed_bytes) == (len(CONTENT), len(whole))
    assert contents.read(unpacked, 123_456, 1000) == CONTENT[123_456:124_456]


def test_a_file_that_was_renamed_since_it_was_listed_is_no_damaged_one(tmp_path: Path) -> None:
    one, two = tmp_path / "app.log.1.gz", tmp_path / "app.log.2.gz"
    one.write_bytes(gzip.compress(b"one\n"))
    listed = look_at(str(one))
    assert listed is not None
    one.rename(two)
    one.write_bytes(gzip.compress(b"another\n"))
    contents = DiskContents()
    with pytest.raises(UnreadableError):
        contents.unpacked(listed)
    again = look_at(str(two))
    assert again is not None
    assert again[1:] == listed[1:]
    assert contents.unpacked(again).size == 4


def test_compressed_files_from_before_an_agent_could_read_them_are_left_alone(tmp_path: Path) -> None:
    log, old = tmp_path / "app.log", tmp_path / "app.log.1.gz"
    log.write_bytes(b"new\n")
    old.write_bytes(gzip.compress(b"old\n"))
    found = look_at(str(old))
    assert found is not None

    def lines(since_us: int, started: list[str]) -> list[bytes]:
        inputs = [InputFiles("app", (str(log),), "beginning")]
        tailer = Tailer(inputs, TailSettings(), clock=lambda: 0, since_us=since_us, started=started)
        tailer.look()
        read = sorted(line for chunk in tailer.read() for line in chunk.lines)
        tailer.close()
        return read

    after, before = found.modified // 1000 + 1, 0
    assert lines(after, [str(log)]) == [b"new"], "updated: plain files were noted before, compressed ones are now"
    assert lines(before, [str(log)]) == [b"new", b"old"], "written since this start"


def test_compressed_is_what_is_named_so() -> None:
    assert [is_packed(name) for name in ("app.log.1.gz", "a.zst", "app.log", "gz", "app.gz.log", "a.zip")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
