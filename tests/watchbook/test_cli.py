"""The command line: words imported only when used, and what is said when one cannot be."""

import subprocess
import sys

import pytest

#: What the base requirements do not bring.
EXTRAS = ("aiohttp", "apscheduler", "orjson", "prometheus_client", "re2", "rich", "sigma", "sqlite_utils", "watchfiles")


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_the_help_lists_every_word_and_imports_nothing_that_an_extra_brings(flag: str) -> None:
    done = run(
        "import sys\nfrom watchbook.cli import main\n"
        f"try: main([{flag!r}])\nfinally: print(sorted(set({EXTRAS!r}) & set(sys.modules)))\n"
    )
    assert done.returncode == 0, done.stderr
    for word in ("agent", "collector", "search", "tail", "alerts", "demo"):
        assert f"\n  {word} " in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_module_runs_as_the_command_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "watchbook", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("watchbook, version ")


def test_a_word_whose_extra_is_missing_says_what_to_install() -> None:
    done = run("import sys; sys.modules['aiohttp'] = None\nfrom watchbook.cli import main\nmain(['demo', '--help'])\n")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: 'watchbook demo' needs the Python package 'aiohttp'; "
        "install it with: pip install 'watchbook[agent,collector]'\n"
    )


def test_a_missing_module_of_our_own_is_not_explained_as_a_missing_extra() -> None:
    done = run("import sys; sys.modules['watchbook.demo'] = None\nfrom watchbook.cli import main\nmain(['demo'])\n")
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
    assert "pip install" not in done.stderr


def test_an_unknown_word_is_refused() -> None:
    done = run("from watchbook.cli import main; main(['serach'])")
    assert done.returncode == 2
    assert "No such command 'serach'" in done.stderr


def test_mistakes_in_a_configuration_are_all_shown_with_exit_code_78() -> None:
    done = run(
        "import click\nfrom watchbook import cli\nfrom watchbook.configfile import ConfigError, Problem\n"
        "def fail(): raise ConfigError([Problem('a.yaml', 5, 1, 'second'), Problem('a.yaml', 2, 3, 'first')])\n"
        "cli.cli.command('fail')(fail)\n"
        "cli.cli.get_command = lambda context, name: cli.cli.commands[name]\n"
        "cli.main(['fail'])\n"
    )
    assert done.returncode == 78
    assert done.stdout == ""
    assert done.stderr == (
        "a.yaml:2:3: first\na.yaml:5:1: second\nwatchbook: 2 mistakes in the configuration; nothing was started\n"
    )
