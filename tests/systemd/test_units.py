"""What systemd itself says of the units and the drop-ins."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

SYSTEMD = ROOT / "systemd"
PROGRAMS = ("agent", "collector")
DROP_INS = sorted(SYSTEMD.glob("drop-ins/*/*.conf"))
WORST = 2.0

needs_analyze = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed here (apt-get install systemd)"
)


def put(program: str, folder: Path, *drop_ins: Path) -> Path:
    """Write a unit whose programs exist on this host, with drop-ins, and return it."""
    unit = folder / f"watchbook-{program}.service"
    text = (SYSTEMD / unit.name).read_text()
    unit.write_text(re.sub(r"^(Exec\w+=-?)/\S+", r"\1/bin/true", text, flags=re.MULTILINE))
    for each in drop_ins:
        (folder / f"{unit.name}.d").mkdir(exist_ok=True)
        shutil.copy(each, folder / f"{unit.name}.d")
    return unit


def analyze(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_unit_reloads_just_the_program_that_handles_it(program: str) -> None:
    """SIGHUP ends a program that does not, and systemd takes that for a clean end: it would not be started again."""
    unit = (SYSTEMD / f"watchbook-{program}.service").read_text()
    handles = any("SIGHUP" in path.read_text() for path in (ROOT / program).rglob("*.py"))
    reloads = re.findall(r"^ExecReload=(.+)$", unit, re.MULTILINE)
    assert bool(reloads) == handles, "switch ExecReload on when the program handles SIGHUP, and off when it does not"
    if reloads:
        assert "check --config-only" in reloads[0]


@needs_analyze
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_unit_is_exposed_as_little_as_the_page_says(program: str, tmp_path: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={int(WORST * 10)}", put(program, tmp_path))
    (score,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert done.returncode == 0, done.stdout
    assert float(score) <= WORST
    assert f"| `watchbook-{program}.service` | {score} |" in (ROOT / "docs" / "install.md").read_text()


@needs_analyze
def test_a_unit_without_its_limits_would_be_noticed(tmp_path: Path) -> None:
    unit = put("agent", tmp_path)
    limits = r"^(Protect|Private|Restrict|SystemCall|Capab)\w+=.*\n"
    open_wide = re.sub(limits, "", unit.read_text(), flags=re.MULTILINE)
    unit.write_text(open_wide)
    assert analyze("security", "--offline=true", f"--threshold={int(WORST * 10)}", unit).returncode != 0


@needs_analyze
@pytest.mark.parametrize("path", DROP_INS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_systemd_has_nothing_to_say_about_a_unit_with_a_drop_in(path: Path, tmp_path: Path) -> None:
    done = analyze("verify", "--man=no", put(path.parent.name, tmp_path, path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("path", DROP_INS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_drop_in_that_gives_a_capability_gives_it_on_this_host(path: Path) -> None:
    text = path.read_text()
    for name in re.findall(r"^AmbientCapabilities=(.+)$", text, re.MULTILINE):
        assert f"CapabilityBoundingSet={name}\n" in text
        assert "PrivateUsers=no\n" in text


def test_the_page_tells_of_every_drop_in() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    assert [path.name for path in DROP_INS if f"systemd/drop-ins/{path.parent.name}/{path.name}" not in page] == []
