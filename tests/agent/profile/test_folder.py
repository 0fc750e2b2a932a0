"""A folder of profiles, each read when it is asked for."""

from pathlib import Path

import pytest

from agent.profile import ProfileFolder, load_profile
from watchbook.configfile import ConfigError
from watchbook.shipped import shipped_folder

TEXT = """profile: NAME
format: text
samples:
  - note: |-
      of two lines
    line: 'a: b'
    unparsed: 'x'

  - line: c
# a comment
constants: {action: log, MORE}
"""


def write(folder: Path, name: str, *, more: str = "category: system", file: str = "") -> None:
    text = TEXT.replace("NAME", name).replace("MORE", more)
    (folder / f"{file or name}.yaml").write_text(text, encoding="utf-8")


def test_a_profile_is_read_without_its_samples_when_it_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "broken", more="nosuch: x")
    folder = ProfileFolder(tmp_path, {})
    assert list(folder) == ["broken", "one"]
    assert len(folder) == 2
    found = folder["one"]
    assert (found.name, found.constants, found.samples) == ("one", {"action": "log", "category": "system"}, ())
    assert folder["one"] is found
    with pytest.raises(KeyError):
        folder["two"]


def test_what_is_wrong_is_named_with_its_place_in_the_file(tmp_path: Path) -> None:
    write(tmp_path, "broken", more="nosuch: x")
    write(tmp_path, "one", file="two")
    folder = ProfileFolder(tmp_path, {})
    with pytest.raises(ConfigError, match=r"broken.yaml:11:26: 'constants.nosuch'"):
        folder["broken"]
    with pytest.raises(ConfigError, match=r"the profile 'one' is in a file of another name; call the file one\.yaml"):
        folder["two"]


def test_own_profiles_come_before(tmp_path: Path) -> None:
    write(tmp_path, "one")
    own = load_profile(tmp_path / "one.yaml")
    folder = ProfileFolder(tmp_path, {})
    assert folder.with_own({"one": own, "mine": own})["one"] is own
    assert sorted(folder.with_own({"mine": own})) == ["mine", "one"]


def test_every_shipped_profile_is_called_as_its_file() -> None:
    folder = ProfileFolder(shipped_folder("config") / "profiles", {})
    assert [folder[name].name for name in folder] == list(folder)
