"""What ``watchbook agent check`` says of inputs whose profile is found by their first lines."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from agent.config import AgentSettings
from agent.finding import Finding
from agent.pump import Route
from agent.tail.listing import expand

#: Files of an input that are looked at.
_FILES_MAX: Final = 20


def check_auto(settings: AgentSettings, routes: Mapping[str, Route]) -> Iterator[Finding]:
    """Yield which profiles would be found for the files that are there now."""
    for each in settings.inputs:
        choose = routes[each.name].choose
        if choose is None:
            continue
        for path in islice(expand(each.files), _FILES_MAX):
            chosen = choose.look(path)
            found = ", ".join(chosen.profiles)
            text = f"input {each.name}: {path}: {found or 'no profile is found yet'}: {chosen.reason}"
            yield Finding(False, text, note=not found)
