"""The collector is away: the agent keeps what it reads, and stops reading when it may keep no more."""

import threading
import time
from typing import Final

from tests.faults.trial import Options, Result, Trial
from tests.faults.writer import Rotator

_RATE: Final = 4000
_AFTER_S: Final = 1.0
_AWAY_S: Final = 1.0
_SPOOL_BYTES_MAX: Final = 1 << 20
_GROUP_EVENTS: Final = 512
_DENSE_LINE_BYTES_MAX: Final = 320
_SPOOL_EXTRA: Final = f"spool:\n  bytes_max: {_SPOOL_BYTES_MAX}\nbatch:\n  group_events_max: {_GROUP_EVENTS}\n"
#: What is in hand may come on top: one group under way and one that is being gathered.
_BOUND: Final = _SPOOL_BYTES_MAX + 2 * _GROUP_EVENTS * _DENSE_LINE_BYTES_MAX


def outage(options: Options) -> Result:
    """The agent is killed once in the middle, with a rotation in its absence; another rotation comes while it is up."""
    with Trial(f"outage: collector {options.outage_s:g} s away", options, agent_ship="") as trial:
        trial.start()
        writer = trial.writer(min(options.rate, _RATE))
        time.sleep(_AFTER_S)
        began = time.monotonic()
        trial.stand.collector.kill()
        _pass_outage(trial, Rotator(writer, "rename"), began)
        unsent = trial.status()["spool"]
        trial.facts.append(f"{unsent['events']:,} events in {unsent['batches']} batches were unsent at its end")
        trial.expect(unsent["events"] > 0, "nothing was unsent at the end of the outage")
        trial.start_collector()
        time.sleep(_AFTER_S)
        writer.finish()
        return trial.conclude()


def full(options: Options) -> Result:
    """The outage outlasts the spool: the agent says that it is full and reads nothing; the log is the buffer."""
    title = f"full: {options.outage_s:g} s away, spool of 1 MiB"
    with Trial(title, options, dense=True, agent_extra=_SPOOL_EXTRA) as trial:
        trial.start()
        writer = trial.writer(min(options.rate, _RATE))
        time.sleep(_AFTER_S)
        began = time.monotonic()
        trial.stand.collector.kill()
        watch = _SpoolWatch(trial)
        watch.start()
        trial.wait_for("the spool to be full", lambda: trial.says("the spool is full"))
        _pass_outage(trial, Rotator(writer, "rename"), began)
        trial.wait_for("the spool to be full again", lambda: trial.says("the spool is full"))
        behind = sum(file["lag_bytes"] for file in trial.status()["files"])
        watch.stop.set()
        watch.join()
        trial.start_collector()
        time.sleep(_AFTER_S)
        writer.finish()
        trial.facts.append(f"status said full; at most {watch.most:,} bytes, of {_BOUND:,}")
        trial.facts.append(f"{behind:,} bytes waited in the log")
        trial.expect(_SPOOL_BYTES_MAX <= watch.most <= _BOUND, f"the spool held {watch.most:,} bytes")
        trial.expect(behind > 0, "nothing waited in the log")
        return trial.conclude()


def _pass_outage(trial: Trial, rotator: Rotator, began: float) -> None:
    """Kill the agent somewhere in the outage's middle, rotate in its absence and once after; return at the end."""
    seconds = trial.options.outage_s
    time.sleep(max(0.0, began + seconds * trial.draw.uniform(0.3, 0.5) - time.monotonic()))
    trial.stand.agent.kill()
    time.sleep(trial.draw.uniform(0.0, _AWAY_S))
    rotator.rotate()
    away = not trial.stand.agent.is_running()
    time.sleep(trial.draw.uniform(0.0, _AWAY_S))
    trial.stand.agent.start()
    trial.wait_until_agent_runs()
    time.sleep(max(0.0, began + seconds * trial.draw.uniform(0.7, 0.9) - time.monotonic()))
    rotator.rotate()
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    trial.facts.append(f"agent killed once, {rotator.rotated} rotations, {away:d} in its absence")
    trial.expect(away and not trial.stand.is_up(), "the collector or the agent was not away")


class _SpoolWatch(threading.Thread):
    """Looks at the unsent bytes all the time.  ``most``: the most there were."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(name="spool-watch", daemon=True)
        self._trial = trial
        self.stop = threading.Event()
        self.most = 0

    def run(self) -> None:
        """Look until :attr:`stop` is set."""
        while not self.stop.wait(0.1):
            self.most = max(self.most, self._trial.status()["spool"]["bytes"])
