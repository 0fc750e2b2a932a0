"""A collector as a real process, whoever asks it over HTTP, and the operator's words in front of it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from click.testing import CliRunner, Result

from tests.end_to_end.seed_rows.journal import Event, Journal
from tests.stand import Stand, wait_for
from watchbook.cli import cli
from watchbook.clock import EPOCH, now_us

#: All of the fixture log, wherever the default range would begin.
EVER = "1000d"
#: The collector's own reports of what it archives lie in the same store; the log itself has no such module.
OF_THE_LOG = "-module:retention"
_POSTED_AT_ONCE = 40


class Answer(NamedTuple):
    """What the collector answered."""

    status: int
    headers: Any
    body: bytes

    @property
    def document(self) -> Any:
        """The JSON of the body."""
        return json.loads(self.body)


class Desk:
    """A running collector; ``journal`` is what was posted to it."""

    def __init__(self, folder: Path, collector_extra: str) -> None:
        self.stand = Stand(folder, collector_extra=f"processes: {{query_workers: 1}}\n{collector_extra}")
        self.sender = (folder / "agent.token").read_text().strip()
        self.journal = Journal(EPOCH + timedelta(microseconds=now_us()), "operator")

    def start(self) -> None:
        """Start the collector and wait until it is ready."""
        self.stand.collector.start()
        self.stand.wait_until_up()

    def make_token(self, name: str, *scopes: str) -> str:
        """Return a new token."""
        words = [word for scope in scopes for word in ("--scope", scope)]
        return self.administer("token", "create", "--name", name, *words).stdout.strip()

    def administer(self, *words: str) -> Result:
        """Run ``watchbook collector …`` on this collector's configuration."""
        path = str(self.stand.collector_yaml)
        result = CliRunner().invoke(cli, ["collector", *words, "--config", path])
        assert result.exit_code == 0, result.output
        return result

    def operate(self, *words: str) -> Result:
        """Run one of the operator's words, its output no terminal."""
        return self._operated(words)

    def said(self, *words: str) -> list[Any]:
        """Run one of the operator's words and return the objects that it writes, one a line."""
        result = self._operated(words)
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    def _operated(self, words: Sequence[str]) -> Result:
        environment = {"WATCHBOOK_URL": self.stand.url, "WATCHBOOK_TOKEN": self.stand.token, "TZ": "UTC"}
        return CliRunner().invoke(cli, list(words), env=environment)

    def send(self, method: str, path: str, document: Any = None, *, token: str | None = None, **headers: str) -> Answer:
        """Send a request, by default as the operator; headers have ``_`` for ``-``."""
        request = urllib.request.Request(
            f"{self.stand.url}{path}",
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={
                "Authorization": f"Bearer {token or self.stand.token}",
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def ask(self, path: str, *, token: str | None = None, **parameters: Any) -> Answer:
        """Ask with query parameters: lists for repeated ones, ``_`` for a field's dot, ``since`` for ``from``."""
        return self.send("GET", f"{path}?{urlencode(_parameters(parameters), doseq=True)}", token=token)

    def get(self, path: str, *, token: str | None = None, **parameters: Any) -> Any:
        """Return the document that :meth:`ask` gets."""
        answer = self.ask(path, token=token, **parameters)
        assert answer.status == 200, answer.body
        return answer.document

    def events(self, **parameters: Any) -> list[Event]:
        """Return every event of a query, page by page, in the order of the answers."""
        found: list[Event] = []
        page: Any = {"next_cursor": None}
        while True:
            cursor = {} if page["next_cursor"] is None else {"cursor": page["next_cursor"]}
            page = self.get("/v1/events", **{"limit": 1000, **parameters, **cursor})
            assert "incomplete" not in page, page["incomplete"]
            found += page["events"]
            if page["next_cursor"] is None:
                return found

    def numbers(self, **parameters: Any) -> list[int]:
        """Return the numbers in the log of what a query finds, ascending.

        Left out are the collector's own reports, and what tests posted beside the log (with numbers below 0).
        """
        parameters["q"] = f"({parameters['q']}) {OF_THE_LOG}" if parameters.get("q") else OF_THE_LOG
        return sorted(n for event in self.events(**parameters) if (n := event["details"]["n"]) >= 0)

    def post(self, events: Iterable[Event]) -> None:
        """Store events, a few in each request."""
        waiting = list(events)
        for first in range(0, len(waiting), _POSTED_AT_ONCE):
            answer = self.send("POST", "/v1/events", waiting[first : first + _POSTED_AT_ONCE], token=self.sender)
            assert answer.status == 200, answer.body

    def segments(self) -> list[dict[str, Any]]:
        """Return the segments that a query over everything looks into."""
        found: list[dict[str, Any]] = self.get("/v1/query/explain", since="9000d")["segments"]
        return found

    def wait_for(self, what: str, is_so: Any) -> None:
        """Wait for something; fail with the collector's log when it does not come."""
        wait_for(what, is_so, 60, self.stand.evidence)

    def restart(self) -> None:
        """Stop the collector and start it again."""
        assert self.stand.collector.stop() == 0, self.stand.evidence()
        self.start()


def _parameters(given: dict[str, Any]) -> dict[str, Any]:
    known = {"since": "from"} | {
        name.replace(".", "_"): name for name in ("resource.type", "resource.id", "resource.name", "source.ip")
    }
    return {known.get(name, name): value for name, value in given.items()}
