"""The log sources of the benchmark: what their events look like, and what rules ask of them.

How many rules a source has follows the rules that the Sigma community publishes (3,780 in the summer of 2026): more
than a third ask about processes that were started, most others about one of some thirty other sources.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


class Source(NamedTuple):
    """A log source: its profile, its parts of all rules and of all events, and its fields with their vocabulary.

    ``fields``: event field -> kind of its values (see :func:`tests.benchmarks.rules.words.ordinary`).  ``names``: how
    many different names of actions it has.
    """

    profile: str
    rules: int
    events: int
    fields: Mapping[str, str]
    names: int = 40


_PROCESS: Final = {
    "details.Image": "path", "details.CommandLine": "command", "details.ParentImage": "path",
    "details.ParentCommandLine": "command", "details.OriginalFileName": "file", "details.User": "user",
}  # fmt: skip
_API: Final = {
    "event_type": "name", "actor.id": "user", "source.ip": "ip", "source.user_agent": "agent", "resource.id": "path",
    "details.eventSource": "name", "details.requestParameters.policy": "text", "outcome": "outcome",
}  # fmt: skip

SOURCES: Final = (
    Source("process", 1416, 4, _PROCESS),
    Source("registry", 230, 3, {"details.TargetObject": "path", "details.Details": "text", "details.Image": "path"}),
    Source("files", 220, 4, {"details.TargetFilename": "path", "details.Image": "path"}),
    Source("scripts", 190, 1, {"details.ScriptBlockText": "command"}),
    Source("libraries", 120, 2, {"details.ImageLoaded": "path", "details.Image": "path", "details.Signed": "flag"}),
    Source("security", 160, 6, {"event_type": "name", "actor.id": "user", "details.ProcessName": "path"}),
    Source("network", 60, 4, {"details.DestinationHostname": "host", "source.ip": "ip", "details.Image": "path"}),
    Source("web", 90, 30, {"resource.id": "path", "details.query": "text", "source.user_agent": "agent"}),
    Source("azure", 131, 6, _API, 300),
    Source("cloudtrail", 58, 10, _API, 300),
    Source("okta", 24, 3, _API, 120),
    Source("m365", 21, 4, _API, 200),
    Source("kubernetes", 16, 8, _API, 60),
    Source("github", 15, 3, _API, 150),
    Source("auditd", 54, 8, {"event_type": "name", "details.exe": "path", "details.a1": "text", "details.key": "name"}),
    Source("app", 0, 4, _API),
    *(Source(f"other{_LETTERS[i]}", 38, 1, {"event_type": "name", "details.Data": "text"}) for i in range(26)),
)
