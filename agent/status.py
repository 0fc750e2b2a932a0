"""What ``watchbook agent status`` shows: written by the running agent, read from its state folder."""

import errno
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.spool.spool import look_into, spool_exists
from agent.tail.track import Track, decode_track
from watchbook.clock import SECOND_US, format_rfc3339
from watchbook.units import format_duration, format_size

FILE_NAME: Final = "status.json"
_STALE_AFTER_S: Final = 30


def write_status(folder: Path, status: Mapping[str, Any]) -> None:
    """Replace the status file in one step; where the disk has no space for another, write into it.

    Raises OSError when that cannot be done either.
    """
    temporary, text = folder / f"{FILE_NAME}.new", json.dumps(status)
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(folder / FILE_NAME)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        temporary.unlink(missing_ok=True)
        _overwrite(folder / FILE_NAME, text)


def _overwrite(path: Path, text: str) -> None:
    """Write into the blocks that a file has: so a status that fits says even on a full disk what is wrong."""
    with path.open("r+b", buffering=0) as file:
        file.write(text.encode())
        file.truncate()


def read_status(folder: Path, now_us: int) -> dict[str, Any]:
    """Return everything that is known of the agent of a state folder, running or not.

    ``problems`` is empty when all is well.  Raises sqlite3.Error when the spool cannot be read.
    """
    live = _live_status(folder)
    report: dict[str, Any] = {"running": _is_running(live, now_us), "agent": live, "files": [], "problems": []}
    problems: list[str] = report["problems"]
    if not report["running"]:
        problems.append(_why_not_running(live, now_us))
    if spool_exists(folder):
        _add_spool(report, folder, now_us)
    else:
        problems.append(f"there is no spool in {folder}: the agent was never started with this configuration")
    ship = live.get("ship", {})
    if report["running"] and ship.get("state") in ("paused", "retrying"):
        problems.append(f"sending is {ship['state']}: {ship.get('last_error')}")
    if report["running"] and live.get("paused"):
        problems.append(f"reading is paused: {live['paused']}")
    problems.extend(f"{path}: {reason}" for path, reason in live.get("errors", {}).items())
    return report


def _live_status(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / FILE_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _is_running(live: Mapping[str, Any], now_us: int) -> bool:
    if not live or live.get("stopped") or now_us - live["time"] > _STALE_AFTER_S * SECOND_US:
        return False
    return _is_alive(live["pid"])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _why_not_running(live: Mapping[str, Any], now_us: int) -> str:
    if not live or live.get("stopped") or not _is_alive(live["pid"]):
        return "the agent is not running"
    age = format_duration(round((now_us - live["time"]) / SECOND_US))
    return (
        f"the agent has not written its status for {age}, though a process {live['pid']} runs: it hangs, or the disk "
        "of its 'state' is full or read-only; look at its log"
    )


def _add_spool(report: dict[str, Any], folder: Path, now_us: int) -> None:
    view = look_into(folder)
    report["spool"] = {
        "stream": view.stream,
        "batches": view.batches,
        "events": view.events,
        "bytes": view.size,
        "oldest": None if view.oldest is None else format_rfc3339(view.oldest),
        "oldest_age_s": None if view.oldest is None else round((now_us - view.oldest) / SECOND_US, 1),
        "rejected": view.rejected,
    }
    report["counters"] = view.counters
    tracks = [decode_track(document) for document in view.positions]
    report["files"] = [_file(track) for track in tracks if track.state in ("live", "rotated")]
    if view.rejected:
        report["problems"].append(f"the collector refused {view.rejected} events; they are kept in the spool")
    lost = sum(counters.get("bytes_lost", 0) for counters in view.counters.values())
    if lost:
        report["problems"].append(f"{lost} bytes of log files were gone before they could be read")


def _file(track: Track) -> dict[str, Any]:
    try:
        size = Path(track.path).stat().st_size
    except OSError:
        size = track.size
    return {
        "input": track.input,
        "path": track.path,
        "state": track.state,
        "size": size,
        "position": track.offset,
        "lag_bytes": max(0, size - track.offset),
        "lines": track.lines,
    }


def render_status(report: Mapping[str, Any], output: Callable[[str], None]) -> None:
    """Write a report for people: one screen."""
    live = report["agent"]
    running = f"running (pid {live.get('pid')}, version {live.get('version')})" if report["running"] else "NOT RUNNING"
    output(f"agent       {live.get('name', '?')}: {running}")
    if ship := live.get("ship"):
        sent = f"{ship['events']} events in {ship['batches']} batches since the start, {ship['repeats']} known there"
        output(f"collector   {live['url']}: {ship['state']}; {sent}")
    if spool := report.get("spool"):
        age = "" if spool["oldest_age_s"] is None else f", oldest {format_duration(round(spool['oldest_age_s']))} old"
        output(
            f"unsent      {spool['events']} events in {spool['batches']} batches, {format_size(spool['bytes'])}{age}"
        )
    for name, counters in sorted(report.get("counters", {}).items()):
        words = ", ".join(
            f"{value} {counter.replace('_', ' ')}" for counter, value in sorted(counters.items()) if value
        )
        output(f"input       {name}: {words}")
    if report["files"]:
        output(f"{'file':<50} {'size':>12} {'position':>12} {'behind':>10}  state")
    for file in report["files"]:
        behind = format_size(file["lag_bytes"])
        output(f"{file['path']:<50} {file['size']:>12} {file['position']:>12} {behind:>10}  {file['state']}")
    for problem in report["problems"]:
        output(f"problem     {problem}")


def encode_report(report: Mapping[str, Any]) -> str:
    """Return a report as JSON."""
    return msgspec.json.format(msgspec.json.encode(report)).decode()
