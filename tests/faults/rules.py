"""The rules' fault scenario: the collector is killed at random while events come that must raise certain alerts.

Then these alerts must be there, each once and with the right count, and each of their states must have reached a real
receiver at least once and under one key.
"""

import http.client
import random
import shutil
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.faults.receiver import Receiver
from tests.faults.rules_collector import FORGETFUL
from tests.faults.stories import LATENESS_S, RULES, Expected, told
from tests.stand import Stand, wait_for
from watchbook import wire
from watchbook.clock import now_us

_COLLECTOR: Final = ("-m", "tests.faults.rules_collector")
_SECRET: Final = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
_STORIES: Final = 8
_BATCHES: Final = 3
_PAUSE_S: Final = 0.4
_AGAIN_S: Final = 0.05
_SETTLE_S: Final = 90.0
#: What is missing for good is not waited for so long.
_BROKEN_SETTLE_S: Final = 20.0
#: How often the kill falls into the start, and how long it waits else.
_IN_START: Final = 0.2
_UP_S: Final = 2.0
#: Now and then it runs long enough for the clock to decide something.
_LONG: Final = 0.1
_LONG_S: Final = 12.0


class RulesResult(NamedTuple):
    """What came of it.  ``wrong`` says what was not as it must be, "" when all was."""

    kills: int
    in_start: int
    expected: int
    missing: int
    doubled: int
    sent_again: int
    seconds: float
    wrong: str

    @property
    def is_perfect(self) -> bool:
        """Whether nothing was wrong."""
        return not self.wrong and self.missing == 0 and self.doubled == 0


class Teller(threading.Thread):
    """Tells stories in batches of one stream until :attr:`stop` is set; each batch until it is acknowledged."""

    def __init__(self, port: int, token: str, seed: int) -> None:
        super().__init__(name="teller", daemon=True)
        self._port = port
        self._token = token
        self._draw = random.Random(seed)
        self._stream = uuid.uuid4().hex
        self._sequence = 0
        self._stories = 0
        self.stop = threading.Event()
        self.expected: Counter[Expected] = Counter()
        self.complaints: list[str] = []

    def run(self) -> None:
        """Tell a few stories at a time, their events in any order."""
        while not self.stop.is_set() and not self.complaints:
            batches: list[list[dict[str, Any]]] = [[] for _ in range(_BATCHES)]
            for _ in range(_STORIES):
                self._stories += 1
                story = told(self._stories, self._draw, now_us())
                places = [self._draw.randrange(_BATCHES) for _ in story.events]
                for place, event in zip(sorted(places) if story.ordered else places, story.events, strict=True):
                    batches[place].append(event)
                if story.expected is not None:
                    self.expected[story.expected] += 1
            for events in filter(None, batches):
                self._send(events)
            time.sleep(_PAUSE_S)

    def _send(self, events: list[dict[str, Any]]) -> None:
        self._sequence += 1
        body = wire.encode_batch(len(events), wire.columns_of(events))
        headers = {
            "Content-Type": wire.CONTENT_TYPE, wire.STREAM_HEADER: self._stream,
            wire.SEQUENCE_HEADER: str(self._sequence), "Authorization": f"Bearer {self._token}",
        }  # fmt: skip
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                connection.request("POST", "/v1/batches", body, headers)
                answer = connection.getresponse()
                said = answer.read()
            except (OSError, http.client.HTTPException):
                time.sleep(_AGAIN_S)
                continue
            finally:
                connection.close()
            if answer.status == http.HTTPStatus.OK:
                return
            if answer.status != http.HTTPStatus.SERVICE_UNAVAILABLE:
                self.complaints.append(f"a batch was answered {answer.status}: {said[:300]!r}")
                return
            time.sleep(_AGAIN_S)


def run_rules_scenario(
    *, kills: int, seed: int, forgetful: bool = False, progress: Callable[[str], None]
) -> RulesResult:
    """Run the scenario in a throw-away folder and return what came of it; ``forgetful``: as it must not be."""
    folder = Path(tempfile.mkdtemp(prefix="watchbook-faults-"))
    receiver = Receiver(seed)
    (folder / "rules").mkdir()
    (folder / "rules" / "stories.yml").write_text(RULES)
    (folder / "secret").touch(mode=0o600)
    (folder / "secret").write_text(_SECRET)
    stand = Stand(
        folder / "stand",
        collector_command=_COLLECTOR,
        collector_extra=(
            f"rules: [{folder}/rules]\ndetect: {{lateness: {LATENESS_S}s}}\nprocesses: {{query_workers: 1}}\n"
            f"notify:\n  failing_after: 1000\n  channels:\n    - name: told\n      max_per: none\n"
            f"      webhook: {{url: '{receiver.url}', secret_file: {folder}/secret}}\n"
        ),
    )
    if forgetful:
        stand.collector.environment[FORGETFUL] = "1"
    began = time.monotonic()
    try:
        teller = Teller(stand.port, (stand.folder / "agent.token").read_text().strip(), seed)
        in_start = _kill(stand, teller, kills, random.Random(seed), progress)
        settle_s = _BROKEN_SETTLE_S if forgetful else _SETTLE_S
        missing, more, wrong = _compare(stand, teller, receiver, settle_s, progress)
        wrong += teller.complaints
        if (missing or more or wrong) and not forgetful:
            wrong.append(stand.evidence())
        again = sum(count - 1 for count in receiver.taken.values())
        seconds = time.monotonic() - began
        return RulesResult(
            kills, in_start, teller.expected.total(), missing, more, again, seconds, "\n".join(wrong)
        )  # fmt: skip
    finally:
        stand.close()
        receiver.close()
        shutil.rmtree(folder, ignore_errors=True)


def _kill(stand: Stand, teller: Teller, kills: int, draw: random.Random, progress: Callable[[str], None]) -> int:
    """Kill the collector so often while it is told stories; return how many kills fell into its start."""
    in_start = 0
    stand.collector.start()
    stand.wait_until_up()
    teller.start()
    for number in range(kills):
        progress(f"rules: kill {number + 1} of {kills}, {teller.expected.total():,} alerts are due")
        if number and draw.random() < _IN_START:
            time.sleep(draw.uniform(0.0, 1.5))
        else:
            wait_for("the collector to answer", stand.is_up, 60, stand.evidence)
            time.sleep(draw.uniform(0.0, _LONG_S if draw.random() < _LONG else _UP_S))
        in_start += not stand.is_up()
        stand.collector.kill()
        stand.collector.start()
    wait_for("the collector to answer", stand.is_up, 60, stand.evidence)
    teller.stop.set()
    teller.join(_SETTLE_S)
    if teller.is_alive():
        teller.complaints.append(f"not acknowledged within {_SETTLE_S:g} s")
    return in_start


def _compare(
    stand: Stand, teller: Teller, receiver: Receiver, settle_s: float, progress: Callable[[str], None]
) -> tuple[int, int, list[str]]:
    """Wait for the alerts and their notifications; return how many are missing, how many too many, and what is odd."""
    progress("rules: waiting for the alerts")
    deadline = time.monotonic() + settle_s
    while True:
        alerts = _alerts(stand)
        found = Counter(Expected(one["rule_id"], one["group"]["actor.id"], one["count"]) for one in alerts)
        missing, more = teller.expected - found, found - teller.expected
        untold = [one["id"] for one in alerts if not _taken(receiver, one["id"], "alert.opened")]
        if not (missing or untold) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    wrong = [f"{what}: {list(each)[:10]}" for what, each in (("missing", missing), ("too many", more)) if each]
    if untold:
        wrong.append(f"{len(untold)} alerts were never told: {untold[:10]}")
    several = {state: keys for state, keys in receiver.keys.items() if len(keys) > 1}
    shared = {key: states for key, states in receiver.states.items() if len(states) > 1}
    if several or shared:
        wrong.append(f"not one key for each state: {list(several.items())[:5]} {list(shared.items())[:5]}")
    strange = {alert for alert, _ in receiver.keys} - {one["id"] for one in alerts}
    if strange:
        wrong.append(f"told of alerts that are not there: {list(strange)[:10]}")
    return missing.total(), more.total(), wrong


def _taken(receiver: Receiver, alert: str, kind: str) -> bool:
    return any(receiver.taken[key] for key in receiver.keys.get((alert, kind), ()))


def _alerts(stand: Stand) -> list[dict[str, Any]]:
    alerts: list[dict[str, Any]] = []
    path = "/v1/alerts?limit=1000"
    page = stand.get(path)
    while True:
        alerts += page["alerts"]
        if not page.get("next_cursor"):
            return alerts
        page = stand.get(f"{path}&cursor={page['next_cursor']}")
