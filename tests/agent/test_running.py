"""What is handed over to the process that runs: everything that the configuration and its profiles say."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from agent.config import load_settings
from agent.parse import FORMATS
from agent.profile import CompiledProfile, Definition, compile_profile
from agent.profile.samples import run_samples
from agent.redact import RedactSettings, make_redactor
from tests.agent.profile.shipped import DEFINITIONS
from watchbook.configfile import EX_CONFIG
from watchbook.shipped import shipped_folder


def _compile(definition: Definition, include: tuple[str, ...]) -> CompiledProfile:
    return compile_profile(definition, FORMATS, make_redactor(RedactSettings()), include=include)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_a_profile_means_the_same_once_it_is_handed_over(name: str) -> None:
    handed: Definition = pickle.loads(pickle.dumps(DEFINITIONS[name]))
    results = run_samples(handed, _compile)
    assert len(results) == len(DEFINITIONS[name].samples) > 0
    assert not [result for result in results if result.differences]


def test_the_settings_are_the_same_once_they_are_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    text = (shipped_folder("config") / "agent.yaml").read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    settings, profiles = load_settings(path)
    handed, its_profiles = pickle.loads(pickle.dumps((settings, profiles)))
    assert handed == settings
    assert sorted(its_profiles) == sorted(profiles)


def test_a_mistake_keeps_its_place_once_it_is_handed_over() -> None:
    node = DEFINITIONS["sshd"].format.node
    handed = pickle.loads(pickle.dumps(node))
    assert handed.problem("wrong") == node.problem("wrong")
    again = pickle.loads(pickle.dumps(handed))
    assert again.problem("wrong") == node.problem("wrong")


def test_a_profile_that_does_not_fit_is_told_of_with_its_place(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "own.yaml").write_text(
        "profile: own\nformat: {name: json, colour: red}\nconstants: {action: read}\n", encoding="utf-8"
    )
    path = tmp_path / "agent.yaml"
    path.write_text(
        f"collector: {{url: 'http://127.0.0.1:9', token: t}}\nstate: {tmp_path}/state\nprofiles: {profiles}\n"
        f"inputs:\n  - {{name: app, files: ['{tmp_path}/*.log'], profile: own}}\n",
        encoding="utf-8",
    )
    load_settings(path)  # what is wrong is found by what compiles it, where it runs
    command = [sys.executable, "-m", "watchbook", "agent", "run", "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == EX_CONFIG
    assert done.stderr.startswith(f"{profiles}/own.yaml:2:"), done.stderr
    assert done.stderr.endswith("\nwatchbook: 1 mistake in the configuration; nothing was started\n")
