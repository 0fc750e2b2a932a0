"""Disks that are full, that turn read-only, and that cannot be read: the agent says so, waits, and goes on."""

import signal
import time
from pathlib import Path
from typing import Final

from tests.faults.mounts import Image, fill, mount_small
from tests.faults.trial import Options, Result, Trial
from tests.faults.writer import Rotator

_RATE: Final = 2000
_STATE_BYTES: Final = 16 << 20
_EX_DATA: Final = 65
_STILL_S: Final = 2.5
_LINES: Final = 400
_STEP_LINES: Final = 3000


def full(options: Options) -> Result:
    """The disk of the state folder is full at the first start, and again while lines come."""
    with Trial("diskfull: no space for the spool", options, dense=True, quick=True) as trial:
        mount_small(trial, trial.state, _STATE_BYTES)
        trial.stand.collector.start()
        trial.stand.wait_until_up()
        trial.append(100)
        ballast = fill(trial.state)
        _expect_no_start(trial)
        ballast.unlink()
        trial.stand.agent.start()
        trial.wait_until_agent_runs()
        writer = trial.writer(_RATE)
        trial.wait_for("the first lines", lambda: trial.stand.stored_events() > 1000)
        trial.stand.collector.kill()
        ballast = fill(trial.state)
        _expect_stand_still(trial, "disk is full")
        Rotator(writer, "rename").rotate()
        trial.stand.agent.kill()
        ballast.unlink()
        trial.stand.agent.start()
        trial.wait_until_agent_runs()
        ballast = fill(trial.state)
        _expect_stand_still(trial, "disk is full")
        ballast.unlink()
        trial.start_collector()
        trial.wait_for("the agent to go on", lambda: not trial.says("cannot be written"))
        writer.finish()
        trial.facts.append("full once at the start, twice while lines came; 1 rotation and 1 kill meanwhile")
        return trial.conclude()


def filled(options: Options) -> Result:
    """The spool itself fills its disk in an outage; when the collector takes events, it gets out of that alone."""
    with Trial("filled: by the spool itself", options, dense=True, quick=True) as trial:
        mount_small(trial, trial.state, _STATE_BYTES)
        trial.start()
        trial.stand.collector.kill()
        while not trial.says("the spool cannot be written"):
            trial.append(_STEP_LINES)
            trial.tell(f"written {trial.lines.written:,}")
            time.sleep(0.2)
        unsent = trial.status()["spool"]["bytes"]
        trial.start_collector()
        trial.wait_for("the agent to go on", lambda: not trial.says("cannot be written"))
        trial.facts.append(f"{unsent:,} unsent bytes filled a disk of {_STATE_BYTES:,}; nobody helped")
        return trial.conclude()


def readonly(options: Options) -> Result:
    """The kernel makes the state folder's file system read-only while lines come; it is repaired, and they go on."""
    with Trial("readonly: the spool's disk turns so", options, quick=True) as trial:
        image = Image(trial, trial.state)
        trial.start()
        writer = trial.writer(_RATE)
        trial.wait_for("the first lines", lambda: trial.stand.stored_events() > 1000)
        image.fail()
        _expect_stand_still(trial, "readonly|read-only|disk I/O", told_by_status=False)
        Rotator(writer, "rename").rotate()
        trial.stand.agent.kill()
        _expect_no_start(trial)
        image.unmount()
        image.repair()
        image.mount()
        trial.stand.agent.start()
        trial.wait_until_agent_runs()
        writer.finish()
        trial.facts.append("made read-only once while lines came; 1 rotation and 1 kill until it was repaired")
        return trial.conclude()


def unreadable(options: Options) -> Result:
    """A part of the log's disk answers EIO, to a running agent and to one that is started; then it is back."""
    with Trial("eio: the log's disk fails", options, dense=True, quick=True) as trial:
        image = Image(trial, trial.stand.logs)
        trial.start()
        trial.append(_LINES)
        trial.wait_until_settled()
        for part in ("while it runs", "at its start"):
            trial.stand.agent.send(signal.SIGSTOP)
            read = trial.log.stat().st_size
            trial.append(_LINES)
            unread = trial.log.stat().st_size
            image.take_away(trial.log, read + (unread - read) // 2)
            trial.expect(_gives_eio(trial.log), "the disk can still be read")
            if part == "at its start":
                trial.stand.agent.kill()
                trial.stand.agent.start()
            else:
                trial.stand.agent.send(signal.SIGCONT)
            trial.wait_for("the agent to say so", lambda: trial.says("Input/output error"))
            image.give_back()
            trial.wait_until_settled()
            trial.wait_for("the agent to be content", lambda: not trial.says("Input/output error"))
        trial.facts.append("EIO once while it ran and once at its start; status said so")
        return trial.conclude()


def _gives_eio(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return True
    return False


def _expect_no_start(trial: Trial) -> None:
    """Start an agent that cannot work, and see that it says why and ends for systemd to try again."""
    out = trial.stand.folder / "agent.out"
    before = out.stat().st_size if out.exists() else 0
    trial.stand.agent.start()
    code = trial.stand.agent.wait()
    told = out.read_bytes()[before:].decode(errors="replace")
    trial.expect(code == _EX_DATA and "cannot be used" in told, f"it ended with {code} and said: {told}")
    trial.expect("Traceback" not in told, "it ended with a traceback")


def _expect_stand_still(trial: Trial, reasons: str, *, told_by_status: bool = True) -> None:
    """See that the agent says what is wrong, and that no position moves while the log grows."""
    failures = trial.said('"spool_commit_failed"')
    trial.wait_for("the agent's log to say so", lambda: trial.said('"spool_commit_failed"') > failures)
    told = trial.stand.agent.log_tail(5)
    trial.expect(any(reason in told for reason in reasons.split("|")), f"it did not say why: {told}")
    if told_by_status:
        trial.wait_for("the status to say so", lambda: trial.says("the spool cannot be written"))
    before, size = _positions(trial), trial.lines.written
    time.sleep(_STILL_S)
    trial.expect(_positions(trial) == before, "positions moved while nothing could be stored")
    trial.expect(trial.lines.written > size, "no lines came meanwhile")


def _positions(trial: Trial) -> list[int]:
    return [track.offset for track in trial.tracks()]
