"""Verify: finds every tampering, names its place, and finds nothing in what was left alone."""

import fcntl
import json
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector.store.checkpoint import HEAD_FILE, LEDGER_FILE
from collector.store.signing import KeyUnusableError, VerifierKey
from collector.store.verify import Selection, key_of_folder, verify_folder
from collector.verify_cli import verify
from tests.collector.store import tampering
from tests.collector.store.evidence import folder_of_everything, unseen
from tests.collector.store.folders import SETTINGS, events_in, filled, reader_of, seal_all
from watchbook.event import event_id, nest

TAMPERINGS = 60


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[bytes]]]:
    folder = tmp_path_factory.mktemp("everything")
    older = folder_of_everything(folder)
    return folder / "segments", older


@pytest.fixture
def copy(everything: tuple[Path, dict[str, list[bytes]]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(everything[0], tmp_path / "copy"))


def test_nothing_is_found_in_an_untouched_copy(copy: Path) -> None:
    report = verify_folder(copy)
    assert report.findings == []
    assert all(segment.intact == segment.events for segment in report.segments)
    assert {segment.tier for segment in report.segments} == {"hot", "sealed", "archived"}
    assert report.covered_to == report.last_number > 0


def test_every_random_tampering_is_found(everything: tuple[Path, dict[str, list[bytes]]], tmp_path: Path) -> None:
    folder, older = everything
    assert unseen(folder, older, TAMPERINGS, 1, tmp_path / "copy") == []


def test_any_byte_of_a_sealed_file_that_is_flipped_is_found(copy: Path) -> None:
    rng, flips = random.Random(5), 60
    for path in sorted(copy.glob("*.sealed.blk"))[:2]:
        content = path.read_bytes()
        for _ in range(flips):
            at = rng.randrange(len(content))
            path.write_bytes(content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :])
            assert not verify_folder(copy).is_intact, at
        path.write_bytes(content)
    assert verify_folder(copy).is_intact


@pytest.mark.parametrize("way", sorted({way.__name__ for way in tampering.WAYS}))
def test_each_way_of_tampering_is_found(way: str, copy: Path, everything: tuple[Path, dict[str, list[bytes]]]) -> None:
    done = getattr(tampering, way)(copy, random.Random(way), everything[1])
    assert not verify_folder(copy).is_intact, done


def test_a_changed_block_is_named_and_the_others_are_vouched_for(tmp_path: Path) -> None:
    filled(tmp_path, 30)
    path = min((tmp_path / "segments").glob("*.blk"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        number, n, data = connection.execute(
            "SELECT number, n, data FROM block ORDER BY number LIMIT 1 OFFSET 1"
        ).fetchone()
        connection.execute("UPDATE block SET data = ? WHERE number = ?", (data[:-1] + b"x", number))
    report = verify_folder(tmp_path / "segments")
    (finding,) = report.findings
    assert (finding.kind, finding.place) == ("changed", path.name)
    assert (finding.first_number, finding.last_number) == (number, number + n - 1)
    assert sum(segment.events - segment.intact for segment in report.segments) == n


def test_a_cut_off_tail_is_named_by_its_events(tmp_path: Path) -> None:
    events = len(filled(tmp_path, 30))
    folder = tmp_path / "segments"
    tampering.cut_tail(folder, random.Random(1), {})
    report = verify_folder(folder)
    (finding,) = report.findings
    assert (finding.kind, finding.first_number, finding.last_number) == ("cut_off", report.last_number + 1, events)


def test_a_whole_segment_that_is_gone_is_named_by_its_events(tmp_path: Path) -> None:
    filled(tmp_path, 60)
    names = seal_all(tmp_path, 2)
    folder = tmp_path / "segments"
    reader = reader_of(tmp_path)
    sealed, hot = reader.segments()[0], reader.segments()[3]
    reader.close()
    (folder / f"{names[0]}.sealed.blk").unlink()
    hot.path.unlink()
    gone = {(f.kind, f.first_number, f.last_number) for f in verify_folder(folder).findings}
    assert gone == {
        ("vanished", sealed.first_number, sealed.first_number + sealed.rows - 1),
        ("vanished", hot.first_number, hot.first_number + hot.rows - 1),
    }


def test_a_folder_put_back_as_a_whole_is_found_with_a_checkpoint_that_left_the_host(tmp_path: Path) -> None:
    filled(tmp_path, 30)
    seal_all(tmp_path, 1)
    folder = tmp_path / "segments"
    earlier = Path(shutil.copytree(folder, tmp_path / "earlier"))
    filled(tmp_path, 10, streams=("d" * 32,))
    seal_all(tmp_path)
    kept = [(folder / name).read_bytes() for name in (HEAD_FILE, LEDGER_FILE)]
    assert verify_folder(folder, kept=kept).is_intact
    assert verify_folder(earlier).is_intact
    assert {f.kind for f in verify_folder(earlier, kept=kept).findings} == {"cut_off"}
    old = [(earlier / name).read_bytes() for name in (HEAD_FILE, LEDGER_FILE)]
    assert verify_folder(folder, kept=old).is_intact


def test_a_key_kept_elsewhere_finds_a_folder_signed_anew(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    folder = tmp_path / "segments"
    key = key_of_folder(folder)
    (tmp_path / "checkpoint.key").unlink()
    filled(tmp_path, 5, streams=("d" * 32,))
    assert verify_folder(folder).is_intact
    assert not verify_folder(folder, key).is_intact


def pages_of(path: Path) -> list[int]:
    """The pages (from 0) of a SQLite file whose loss leaves it a database with a table of blocks."""
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        roots = {row[0] - 1 for row in connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'block'")}
    return [page for page in range(1, path.stat().st_size // size) if page not in roots]


@pytest.mark.parametrize("suffix", [".blk", ".sealed.blk"])
def test_damaged_pages_are_reported_with_what_is_still_readable(suffix: str, tmp_path: Path) -> None:
    settings = replace(SETTINGS, segment_events_max=2000)
    stored = filled(tmp_path, 700, settings=settings)
    seal_all(tmp_path, 1)
    folder = tmp_path / "segments"
    candidates = [path for path in folder.glob(f"*{suffix}") if (".sealed" in path.name) == (".sealed" in suffix)]
    path = max(candidates, key=lambda path: path.stat().st_size)
    whole = path.read_bytes()
    size = int.from_bytes(whole[16:18], "big")
    partly = 0
    for page in pages_of(path)[::3]:
        path.write_bytes(whole[: page * size] + b"\xff" * size + whole[(page + 1) * size :])
        report = verify_folder(folder)
        about = next((each for each in report.segments if path.name == f"{each.name}{suffix}"), None)
        if about is not None and 0 < about.intact < about.events:
            partly += 1
            assert any(
                finding.kind in ("unreadable", "changed") and finding.place == path.name for finding in report.findings
            )
    path.write_bytes(whole)
    assert partly
    assert verify_folder(folder).is_intact
    assert events_in(tmp_path) == stored


def test_only_the_chosen_segments_are_read(copy: Path) -> None:
    whole = verify_folder(copy)
    sealed = [segment.name for segment in whole.segments if segment.tier == "sealed"]
    report = verify_folder(copy, selection=Selection(segment=sealed[1]))
    assert [segment.name for segment in report.segments if segment.checked and segment.tier == "sealed"] == [sealed[1]]
    assert report.is_intact


def test_a_verifier_key_is_read_back_and_a_mistyped_one_is_refused(copy: Path) -> None:
    key = key_of_folder(copy)
    assert VerifierKey.parse(str(key)) == key
    with pytest.raises(KeyUnusableError, match="NAME\\+ID\\+KEY"):
        VerifierKey.parse(str(key).replace("+", "+0", 1))


def test_the_command_says_what_it_found_by_its_exit_code(copy: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(verify, [str(copy)])
    assert done.exit_code == 0, done.output
    assert "intact" in done.output
    tampering.cut_tail(copy, random.Random(1), {})
    done = CliRunner().invoke(verify, [str(copy), "--json"])
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert (document["intact"], document["findings"][0]["kind"]) == (False, "cut_off")
    assert "CUT OFF" in CliRunner().invoke(verify, [str(copy)]).output
    assert CliRunner().invoke(verify, [str(tmp_path / "nowhere")]).exit_code == 65
    (copy / "checkpoint.pub").unlink()
    assert CliRunner().invoke(verify, [str(copy)]).exit_code == 78


def test_an_export_is_compared_event_by_event(tmp_path: Path) -> None:
    stored = filled(tmp_path, 40)
    seal_all(tmp_path)
    folder, export = tmp_path / "segments", tmp_path / "export.ndjson"
    reader = reader_of(tmp_path)
    lines = []
    for key in stored:
        found = reader.event(*key)
        assert found is not None
        block, at = found
        lines.append(nest({"id": event_id(*key), **block.batch.event(at), "received": block.identity(at).received}))
    reader.close()
    export.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = CliRunner().invoke(verify, [str(folder), "--export", str(export)])
    assert done.exit_code == 0, done.output
    lines[3]["action"] = "other"
    lines[5]["id"] = lines[5]["id"].replace("-", "-9", 1)
    export.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = CliRunner().invoke(verify, [str(folder), "--export", str(export)])
    assert done.exit_code == 1
    assert "export.ndjson:4: event" in done.output
    assert "differs from the stored one in action" in done.output
    assert "export.ndjson:6: event" in done.output


@pytest.mark.parametrize("suffix", [".sealed.blk", ".parquet"])
def test_a_file_that_goes_while_a_store_in_use_is_looked_at_is_a_finding_and_no_end(copy: Path, suffix: str) -> None:
    last = max(path for path in copy.iterdir() if path.name.endswith(suffix))

    def remove(_done: int, _total: int) -> None:
        last.unlink(missing_ok=True)

    with (copy / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        report = verify_folder(copy, progress=remove)
    assert not report.is_intact
    assert any(last.name.partition(".")[0] in finding.place for finding in report.findings)
