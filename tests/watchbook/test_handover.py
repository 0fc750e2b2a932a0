"""A program that executes its own command line anew goes on with what it was given."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from watchbook.handover import hand_over, handed_over

_PROGRAM = """
import os, sys
from watchbook.handover import hand_over, handed_over

given = handed_over()
if given is None:
    print("begun", os.getpid(), flush=True)
    hand_over(os.environ["GIVEN"].encode() * 100_000)
    sys.exit("it came back")
print("gone on", os.getpid(), len(given), given[:5].decode(), *sys.argv[1:], *sys.flags.warn_default_encoding * "w")
print(sorted(os.listdir("/proc/self/fd"))[3:-1], [name for name in os.environ if "HANDED" in name], handed_over())
"""


def run(program: Path, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", str(program), "run", "--config", "a b"],
        capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "GIVEN": "token", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_process_goes_on_under_its_number_and_its_words_with_what_it_was_given(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    begun, gone_on, left = run(program)
    assert gone_on == f"gone on {begun.split()[1]} 500000 token run --config a b w"
    assert left == "[] [] None"


def test_the_variable_of_another_process_is_not_heeded(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM.replace("    hand_over", "    sys.exit()\n    hand_over"))
    (begun,) = run(program, _WATCHBOOK_HANDED_OVER="1:0")
    assert begun.startswith("begun ")


def test_nothing_is_executed_when_another_program_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["watchbook", "agent", "run", "--config", "not of this command line"])
    hand_over(b"x")
    assert handed_over() is None
