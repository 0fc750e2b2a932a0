"""Every shipped profile is found for a log of its own samples, among all the others."""

import pytest

from agent.routes import candidates_of
from agent.routing import choose
from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled

CANDIDATES = candidates_of(DEFINITIONS, lambda name: compiled(DEFINITIONS[name]))
#: Samples that others understand too: lines of any program, and a table with as many columns.
SHARED = ("syslog", "csv")
#: Profiles of a format that any log may have.
TRIED = [candidate.name for candidate in CANDIDATES if DEFINITIONS[candidate.name].samples]


@pytest.mark.parametrize("name", TRIED)
def test_a_log_of_its_samples_gets_the_profile(name: str) -> None:
    lines = [sample.line.encode() for sample in DEFINITIONS[name].samples if sample.events]
    found = choose(lines, CANDIDATES, READ_US)
    assert name in found.profiles, found.reason
    assert name == found.profiles[0] or name in SHARED, found.reason
