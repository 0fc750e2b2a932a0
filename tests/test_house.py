"""The house: one command each, a wheel that holds just the packages and stands alone, and a guarded event loop."""

import asyncio
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from blockbuster import BlockingError

from watchbook import __version__, database

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path, timeout: float = 120) -> str:
    """Return what a command prints; its whole output is in the failure when it does not exit 0."""
    done = subprocess.run(command, cwd=cwd, timeout=timeout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} exited with {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.timeout(180)
def test_the_wheel_holds_just_the_packages_and_the_shipped_files(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\n")
    ours = {
        re.sub(r"^(config|rules)/", r"watchbook/shipped/\1/", name)
        for name in tracked
        if name.startswith(("agent/", "collector/", "watchbook/", "config/", "rules/")) and (ROOT / name).is_file()
    }
    assert held == ours
    assert {name.split("/")[0] for name in held} == {"agent", "collector", "watchbook"}


@pytest.mark.timeout(180)
def test_the_installed_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path)
    python = venv / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    # What Watchbook needs comes from this test's own environment; no .pth in there (an editable install) is read.
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    (packages / "requirements.pth").write_text(sysconfig.get_path("purelib") + "\n")

    assert run(venv / "bin" / "watchbook", "--version", cwd=tmp_path).strip() == f"watchbook, version {__version__}"
    for program in ("agent", "collector"):
        assert "run" in run(venv / "bin" / "watchbook", program, "--help", cwd=tmp_path)
    code = "from watchbook.shipped import shipped_folder as f; print(*f('config').rglob('*'), *f('rules').rglob('*'))"
    shipped = run(python, "-c", code, cwd=tmp_path).split()
    assert shipped
    assert all(Path(name).is_relative_to(venv) for name in shipped)


def test_make_lists_its_targets_when_it_is_called_without_one(tmp_path: Path) -> None:
    listed = run("make", "--no-print-directory", cwd=ROOT)
    for target in ("demo", "test", "lint", "fmt", "bench", "faults"):
        assert f"  make {target} " in listed


async def test_our_own_code_cannot_block_the_event_loop(tmp_path: Path) -> None:
    with pytest.raises(BlockingError):
        database.connect(tmp_path / "a.db", compatibility=1)


async def test_our_own_code_may_block_a_worker_thread(tmp_path: Path) -> None:
    connection = await asyncio.to_thread(database.connect, tmp_path / "a.db", compatibility=1)
    connection.close()
