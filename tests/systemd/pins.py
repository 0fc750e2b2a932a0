"""The versions that an installation takes: ``python -m tests.systemd.pins`` writes those of this environment down.

``systemd/constraints.txt`` names every package that the agent, the collector and the building of a wheel need, and what
those need, with one version each: two hosts that are installed a year apart run the same code.
"""

import re
from importlib.metadata import PackageNotFoundError, distribution
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.docs.pages import ROOT

PATH: Final = ROOT / "systemd" / "constraints.txt"
_HEAD: Final = """\
# The versions that `make install` takes. Made from an environment that passed the tests: python -m tests.systemd.pins
"""


def needed() -> dict[str, str]:
    """Return all packages that are needed here, with the versions that are installed."""
    found: dict[str, str] = {}
    waiting = [Requirement("watchbook[agent,collector]"), Requirement("hatchling")]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # for another Python or system
        found[name] = package.version
        for line in package.requires or []:
            each = Requirement(line)
            extras = requirement.extras or {""}
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(each)
    return {name: found[name] for name in sorted(found.keys() - {"watchbook", "pip"})}


def pinned() -> dict[str, str]:
    """Return what the file says: name and version."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", PATH.read_text(encoding="utf-8"), re.MULTILINE))


if __name__ == "__main__":
    PATH.write_text(_HEAD + "".join(f"{name}=={version}\n" for name, version in needed().items()), encoding="utf-8")
