"""Seals, rewrites, archives and removes in a copy of a folder, and dies at each of its steps that leave a trace.

A step is an audit event of the interpreter (a file opened for writing, renamed, removed, cut; a database opened) inside
the folder.  For every one of them (or every STRIDE-th) a forked child dies just before it; then the parent looks at
what a reader sees, starts again (which may die at its own steps just as well) and looks again.  Prints how many steps
there were.
"""

import os
import shutil
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.collector.store.folders import Key, archived, events_in, reader_of, shelf_of

STEPS = ("open", "os.rename", "os.remove", "os.truncate", "sqlite3.connect")
DIED = 9


def work(folder: Path) -> None:
    """Do one of each; what was done before a crash is not done again."""
    shelf = shelf_of(folder)
    for name in shelf.to_seal()[:1]:
        for _ in shelf.seal(name):
            pass
    done = {(entry["type"], entry["segment"]) for _, entry in shelf.entries()}
    kinds = {kind for kind, _ in done}
    reader = reader_of(folder)
    first, second, *_ = reader.segments()
    reader.close()
    if "rewritten" not in kinds:
        for _ in shelf.rewrite(first, lambda block: range(0, block.batch.n, 2), {}):
            pass
    elif "archived" not in kinds and second.tier == "sealed":
        shelf.archive(second, archived, {})
    elif "removed" not in kinds:
        shelf.remove(first, {})


def settle(folder: Path) -> None:
    """Start, and do nothing more."""
    shelf_of(folder)


def die_at(step: int, folder: Path, doing: Callable[[Path], None]) -> bool:
    """Do it in a child that dies at a step; return whether it died (else it came to its end)."""
    child = os.fork()
    if child == 0:
        left = [step]

        def audit(event: str, arguments: tuple[object, ...]) -> None:
            if event in STEPS and str(folder) in str(arguments[0]):
                left[0] -= 1
                if left[0] == 0:
                    os._exit(DIED)

        sys.addaudithook(audit)
        try:
            doing(folder)
        except BaseException:  # noqa: BLE001  # a forked child must not go on as its parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, DIED), code
    return code == DIED


def allowed(folder: Path, before: Mapping[Key, object], after: Mapping[Key, object]) -> None:
    """The events are those from before the work or those from after it: never others, never some of both."""
    found = events_in(folder)
    assert found in (before, after), (len(found), len(before), len(after))


def main(base: Path, scratch: Path, stride: int) -> None:
    """Take the folder through every kind of work, dying at every ``stride``-th step of each."""
    steps = 0
    for turn in range(4):
        after = scratch / f"after{turn}"
        shutil.copytree(base, after)
        work(after)
        shelf_of(after)
        events_before, events_after = events_in(base), events_in(after)
        step, died = 1 + turn % stride, True
        while died:
            folder = scratch / "crashed"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(base, folder)
            died = die_at(step, folder, work)
            allowed(folder, events_before, events_after)
            die_at(1 + step % 5, folder, settle)
            allowed(folder, events_before, events_after)
            shelf_of(folder)
            allowed(folder, events_before, events_after)
            assert not list((folder / "segments").glob("*.new*")), list((folder / "segments").iterdir())
            for path in (folder / "segments").glob("*.sealed.blk"):
                assert not path.with_name(path.name.replace(".sealed.blk", ".blk")).exists()
            step += stride
            steps += 1
        shutil.rmtree(base)
        after.rename(base)
    print(steps)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
