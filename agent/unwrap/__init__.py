"""Logs of containers: each line of a program stands in a wrapper, which is taken off before the program's own profile.

- ``docker``: Docker's json-file log, a JSON object a line.
- ``cri``: the log of Kubernetes (containerd, CRI-O) and Podman.
- ``wrapper``: what both have in common.
- ``unwrapping``: a profile with the wrapper taken off before it.

A line that a runtime cut into parts is joined again, each stream by itself.  Nothing of the wrapper is lost: what does
not become the event's time stands in ``details`` under ``container``.
"""

from collections.abc import Mapping
from typing import Final

from agent.unwrap.cri import CRI
from agent.unwrap.docker import DOCKER
from agent.unwrap.unwrapping import Unwrapping
from agent.unwrap.wrapper import Wrapper

WRAPPERS: Final[Mapping[str, Wrapper]] = {wrapper.name: wrapper for wrapper in (DOCKER, CRI)}

__all__ = ["WRAPPERS", "Unwrapping", "Wrapper"]
