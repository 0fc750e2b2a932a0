"""``watchbook agent check``: everything that can be found wrong before the agent is started."""

import urllib.error
import urllib.request
from collections.abc import Iterator

from agent.config import AgentSettings
from agent.filecheck import check_files, matched_files
from agent.finding import Finding
from agent.hostcheck import check_clock, check_limits, check_metrics, check_state, check_user
from watchbook.clock import Clock, now_us


def check_host(settings: AgentSettings, clock: Clock = now_us) -> Iterator[Finding]:
    """Yield what is right and wrong with the files, the state folder, the limits, the collector and the clock."""
    yield from check_user()
    yield from check_files(settings)
    yield from check_state(settings)
    yield from check_limits(settings, matched_files(settings))
    yield from check_metrics(settings)
    yield _check_collector(settings)
    yield from check_clock(settings, clock)


def _check_collector(settings: AgentSettings) -> Finding:
    """A batch request without a batch: a collector that knows the token answers 400, one that does not 401."""
    ship = settings.collector
    token = ship.token
    if ship.token_file is not None:
        try:
            token = ship.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            return Finding(True, f"collector: the token file {ship.token_file} cannot be read: {error.strerror}")
    request = urllib.request.Request(  # noqa: S310  # the configuration allows only http and https
        f"{ship.url.rstrip('/')}/v1/batches", data=b"", headers={"Authorization": f"Bearer {token}"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=ship.connect_timeout) as answer:  # noqa: S310
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError as error:
        return Finding(True, f"collector: {ship.url} does not answer: {error}")
    if status in (401, 403):
        return Finding(True, f"collector: {ship.url} refuses the token ({status}); it needs the scope 'ingest'")
    if status in (400, 415):
        return Finding(False, f"collector: {ship.url} answers and takes the token")
    return Finding(True, f"collector: {ship.url} answers {status}; is it a Watchbook collector?")
