"""An installation takes pinned versions of all that it needs."""

import tomllib

from packaging.requirements import Requirement

from tests.docs.pages import ROOT
from tests.systemd.pins import needed, pinned


def test_everything_that_an_installation_needs_is_pinned() -> None:
    assert needed().keys() - pinned().keys() == set(), "run: python -m tests.systemd.pins"


def test_the_pins_are_versions_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for line in [*project["dependencies"], *extras["agent"], *extras["collector"]]:
        requirement = Requirement(line)
        assert pinned()[requirement.name.lower()] in requirement.specifier, line
