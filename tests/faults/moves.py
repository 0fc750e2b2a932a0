"""Names that lead elsewhere, files that are deleted and made anew, content that is cut off and grows again."""

import os
import signal
import time
from pathlib import Path
from typing import Final

from tests.faults.trial import Options, Result, Trial

_DAYS: Final = 7
_ROUNDS: Final = 6
_LINES: Final = 300
_SPOOL_BYTES_MAX: Final = 200_000


def links(options: Options) -> Result:
    """A symbolic link moves to the next day's file, while the day before still gets lines; twice in one absence."""
    with Trial("links: current.log moves on", options, quick=True, pattern="current.log") as trial:
        link = trial.stand.logs / "current.log"
        day = _day(trial, 1)
        trial.append(_LINES, day)
        _move_link(link, day)
        trial.start()
        moved, away = 0, 0
        for number in range(2, _DAYS + 1):
            if is_away := number % 2 == 0:
                trial.wait_until_read()
                trial.stand.agent.kill()
            trial.append(_LINES, day)
            for step in range(2 if number == 4 else 1):
                old, day = day, _day(trial, number * 10 + step)
                trial.append(trial.draw.randrange(_LINES), day)
                _move_link(link, day)
                moved += 1
                away += not trial.stand.agent.is_running()
                trial.append(_LINES, old)
                trial.append(_LINES, day)
            if is_away:
                trial.stand.agent.start()
                trial.wait_until_agent_runs()
            trial.append(_LINES, old)
            # In the agent's presence a day is longer than the time until the next look.
            trial.wait_until_read()
        trial.facts.append(f"the link moved {moved} times, {away} in the agent's absence")
        trial.expect(away > 0, "the agent was never away")
        return trial.conclude(log=link)


def _day(trial: Trial, number: int) -> Path:
    return trial.stand.logs / f"app-2026-{number // 10 + 1:02}-{number % 10 + 1:02}.log"


def _move_link(link: Path, target: Path) -> None:
    new = link.with_name("new-link")
    new.symlink_to(target)
    new.replace(link)


def recreate(options: Options) -> Result:
    """The log is deleted and made again under its name, in turn while the agent runs and while it is away.

    Where it is away, everything had been read; the new file gets the old one's inode number if the file system likes.
    """
    with Trial("recreate: deleted, made anew", options, quick=True) as trial:
        trial.append(_LINES)
        trial.start()
        reused = away = 0
        for number in range(_ROUNDS):
            trial.wait_until_read()
            if number % 2:
                trial.stand.agent.kill()
                away += 1
            else:
                trial.append(_LINES)  # unread perhaps, but held open
            inode = trial.log.stat().st_ino
            trial.log.unlink()
            trial.append(trial.draw.randrange(1, 2 * _LINES))
            reused += trial.log.stat().st_ino == inode
            if number % 2:
                trial.stand.agent.start()
                trial.wait_until_agent_runs()
        trial.facts.append(f"{_ROUNDS} times, {away} in the agent's absence; the inode number came back {reused} times")
        return trial.conclude()


def truncate(options: Options) -> Result:
    """The log is emptied and grows past the agent's position, which is stopped, or killed, meanwhile."""
    with Trial("truncate: regrown past position", options, quick=True) as trial:
        trial.append(_LINES)
        trial.start()
        past = 0
        for number in range(_ROUNDS):
            trial.wait_until_read()
            agent, position = trial.stand.agent, trial.log.stat().st_size
            if number % 2:
                agent.kill()
            else:
                agent.send(signal.SIGSTOP)
            os.truncate(trial.log, 0)
            trial.append(_LINES + trial.draw.randrange(1, _LINES) * (number + 1))
            past += trial.log.stat().st_size > position
            if number % 2:
                agent.start()
                trial.wait_until_agent_runs()
            else:
                agent.send(signal.SIGCONT)
        trial.facts.append(f"{_ROUNDS} times, {past} past the position; half of them stopped, half killed")
        trial.expect(past > 1, "it hardly grew past the position")
        return trial.conclude()


def gone(options: Options) -> Result:
    """A log is deleted with bytes unread while the agent is away: so many bytes are told, by an event too."""
    extra = f"spool:\n  bytes_max: {_SPOOL_BYTES_MAX}\nbatch:\n  group_events_max: 128\n"
    with Trial("gone: deleted with bytes unread", options, dense=True, quick=True, agent_extra=extra) as trial:
        trial.start()
        trial.append(_LINES)
        trial.wait_until_settled()
        trial.stand.collector.kill()
        while not trial.says("the spool is full"):
            trial.append(_LINES)
            time.sleep(0.1)
        trial.append(_LINES)
        size = trial.log.stat().st_size
        trial.wait_for("the agent to have seen it", lambda: max(t.size for t in trial.tracks()) == size)
        trial.stand.agent.kill()
        (track,) = trial.tracks()
        content = trial.log.read_bytes()
        unread = content[track.offset :].count(b"\n")
        told = range(trial.lines.written - unread, trial.lines.written)
        trial.unsaved = unread
        trial.log.unlink()
        trial.stand.agent.start()
        trial.wait_until_agent_runs()
        trial.append(_LINES)
        trial.start_collector()
        trial.wait_until_settled()
        result = trial.conclude(told=told)
        found = trial.stand.get("/v1/events?q=event_type:agent.bytes_lost&limit=100")["events"]
        lost = [event["measures"]["bytes"] for event in found]
        counted = trial.status()["counters"]["app"].get("bytes_lost", 0)
        really = size - track.offset
        wrong = () if lost == [really] and counted == really and unread else (f"told {lost}, counted {counted}",)
        fact = f"{unread} lines of {really:,} bytes were lost, {sum(lost):,} bytes told in {len(lost)} event"
        return result._replace(facts=(fact,), wrong=(*result.wrong, *wrong))
