"""What ``watchbook agent status`` shows: written by the running agent, read from its state folder."""

import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.select import DROPPED_BY, KEPT_BY
from agent.spool import asides
from agent.spool.look import look_into
from agent.spool.spool import spool_exists
from agent.tail.track import Track, decode_track
from watchbook.clock import SECOND_US, format_rfc3339
from watchbook.units import format_duration, format_size

FILE_NAME: Final = "status.json"
_STALE_AFTER_S: Final = 30
#: The counters of an input that make the sum: the first is that of the others.
_OF_BYTES: Final = ("bytes_read", "bytes_delivered", "bytes_dropped", "bytes_unparsed", "bytes_lost")
#: What is told of a file when it is not zero.
_REMARKS: Final = {
    "lines_unparsed": "unparsed",
    "lines_cut": "cut",
    "lines_replaced": "not UTF-8",
    "nuls": "NUL bytes",
    "lost": "bytes lost",
}


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


def summary(ship: Mapping[str, Any], unsent: int, paused: str | None) -> str:
    """Return one line for ``systemctl status``: how sending goes, what is unsent, and why nothing is read."""
    words = [ship["state"], f"{ship['events']} events sent", f"{unsent} batches unsent"]
    if ship["state"] in ("paused", "retrying"):
        words[0] += f" ({ship['last_error']})"
    if paused:
        words.append(f"reading is paused: {paused}")
    return ", ".join(words)


def read_status(
    folder: Path, now_us: int, live: dict[str, Any] | None = None, tracks: Sequence[Track] | None = None
) -> dict[str, Any]:
    """Return everything that is known of the agent of a state folder, running or not.

    ``live`` is what the running agent says, where it asks itself, and ``tracks`` those that the report is to be about;
    else it is what it last wrote, and all that are stored.  ``problems`` is empty when all is well.  Raises
    sqlite3.Error when the spool cannot be read.
    """
    live = _live_status(folder) if live is None else live
    report: dict[str, Any] = {"running": _is_running(live, now_us), "agent": live, "files": [], "problems": []}
    problems: list[str] = report["problems"]
    if not report["running"]:
        problems.append(_why_not_running(live, now_us))
    if spool_exists(folder):
        _add_spool(report, folder, now_us, tracks)
    else:
        problems.append(f"there is no spool in {folder}: the agent was never started with this configuration")
    ship = live.get("ship", {})
    if report["running"] and ship.get("state") in ("paused", "retrying"):
        problems.append(f"sending is {ship['state']}: {ship.get('last_error')}")
    if report["running"]:
        problems.extend(ship.get("problems", ()))
    refused = live.get("heartbeat", {}).get("last_error") or ""
    if report["running"] and ship.get("state") != "paused" and refused.startswith(("401", "403")):
        problems.append(f"the collector refuses this agent: {refused}")
    if report["running"] and live.get("paused"):
        problems.append(f"reading is paused: {live['paused']}")
    problems.extend(f"{path}: {reason}" for path, reason in live.get("errors", {}).items())
    if report["running"]:
        named = live.get("listeners", {}).items()
        problems.extend(f"input {name}: {state['error']}" for name, state in named if state.get("error"))
    if report["running"] and live.get("metrics_error"):
        problems.append(f"metrics: {live['metrics_error']}")
    reload = live.get("reload")
    if report["running"] and reload and not reload["ok"]:
        problems.append(f"the reload at {reload['time']} failed, the agent goes on as before: {reload['problems'][0]}")
        problems.extend(reload["problems"][1:])
    return report


def listening_now(folder: Path, now_us: int) -> frozenset[str]:
    """Return the addresses that the running agent of a state folder listens on."""
    live = _live_status(folder)
    states = live.get("listeners", {}).values() if _is_running(live, now_us) else ()
    return frozenset(address for state in states for address in state.get("listening", ()))


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


def _add_spool(report: dict[str, Any], folder: Path, now_us: int, tracks: Sequence[Track] | None) -> None:
    view = look_into(folder, with_positions=tracks is None)
    report["spool"] = {
        "stream": view.stream,
        "batches": view.batches,
        "events": view.events,
        "bytes": view.size,
        "oldest": None if view.oldest is None else format_rfc3339(view.oldest),
        "oldest_age_s": None if view.oldest is None else round((now_us - view.oldest) / SECOND_US, 1),
        "rejected": view.rejected,
    }
    report["counters"], report["dropped_by_rule"], report["kept_by_rule"] = _divided(view.counters)
    tracks = [decode_track(document) for document in view.positions] if tracks is None else tracks
    files = [track for track in tracks if track.is_read]
    report["files"] = [_file(track, view.acknowledged.get(track.id, track.offset)) for track in files]
    for aside in asides(folder):
        report["problems"].append(f"a damaged spool was set aside in {aside}; look at it, then remove it")
    _add_health(report)
    if view.rejected:
        report["problems"].append(f"the collector refused {view.rejected} events; they are kept in the spool")
    lost = sum(counters.get("bytes_lost", 0) for counters in view.counters.values())
    if lost:
        report["problems"].append(f"{lost} bytes of log files were gone before they could be read")


def _divided(counters: Mapping[str, Mapping[str, int]]) -> list[dict[str, dict[str, int]]]:
    """Return the counters of inputs, and what rules dropped and kept of each input, by the rule's name."""
    own: dict[str, dict[str, int]] = {name: {} for name in counters}
    by_rule: list[dict[str, dict[str, int]]] = [{}, {}]
    for name, values in counters.items():
        for counter, value in values.items():
            for begin, rules in zip((DROPPED_BY, KEPT_BY), by_rule, strict=True):
                if counter.startswith(begin):
                    rules.setdefault(name, {})[counter.removeprefix(begin)] = value
                    break
            else:
                own[name][counter] = value
    return [own, *by_rule]


def _add_health(report: Mapping[str, Any]) -> None:
    """Add what only the running agent knows of its files: how long each has been behind, and its last error."""
    live = report["agent"]
    for file in report["files"]:
        seconds = live.get("lags", {}).get(str(file.pop("id")))
        file["lag_s"] = seconds if file["lag_bytes"] else 0.0
        file["last_error"] = live.get("last_errors", {}).get(file["path"])


def _file(track: Track, acknowledged: int) -> dict[str, Any]:
    try:
        size = Path(track.path).stat().st_size
    except OSError:
        size = track.size
    return {
        "id": track.id,
        "input": track.input,
        "path": track.path,
        "state": track.state,
        "size": size,
        "position": track.offset,
        "acknowledged": min(acknowledged, track.offset),
        "lag_bytes": max(0, size - track.offset),
        "lines": track.account.lines,
        "encoding": track.encoding,
        "account": {name: getattr(track.account, name) for name in track.account.__struct_fields__},
    }


def _remarks(file: Mapping[str, Any]) -> str:
    """Return what is out of the ordinary in a file, in words."""
    account = file["account"]
    found = [f"{account[name]} {words}" for name, words in _REMARKS.items() if account[name]]
    if file["encoding"] not in ("", "utf-8"):
        found.insert(0, file["encoding"])
    return f" ({', '.join(found)})" if found else ""


def _profiles(live: Mapping[str, Any]) -> Iterator[str]:
    """Yield which profiles were found for the files whose input names none, and why."""
    for name, files in sorted(live.get("profiles", {}).items()):
        for file, chosen in sorted(files.items()):
            found = ", ".join(chosen["profiles"]) or "none found"
            yield f"{name}: {file or 'what is received'}: {found}; {chosen['reason']}"


def render_status(report: Mapping[str, Any], output: Callable[[str], None]) -> None:
    """Write a report for people: one screen."""
    live = report["agent"]
    running = f"running (pid {live.get('pid')}, version {live.get('version')})" if report["running"] else "NOT RUNNING"
    output(f"agent       {live.get('name', '?')}: {running}")
    if ship := live.get("ship"):
        sent = f"{ship['events']} events in {ship['batches']} batches since the start, {ship['repeats']} known there"
        output(f"collector   {live['url']}: {ship['state']}; {sent}")
        for each in ship.get("collectors", ()) if len(ship.get("collectors", ())) > 1 else ():
            use = "in use" if each["in_use"] else "not in use"
            output(f"            {each['url']}: {use}; last error: {each['last_error'] or 'none'}")
    if spool := report.get("spool"):
        age = "" if spool["oldest_age_s"] is None else f", oldest {format_duration(round(spool['oldest_age_s']))} old"
        output(
            f"unsent      {spool['events']} events in {spool['batches']} batches, {format_size(spool['bytes'])}{age}"
        )
    for line in _of_inputs(report):
        output(line)
    for name, state in sorted(live.get("listeners", {}).items()):
        words = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in state.items() if value not in (None, 0))
        output(f"listener    {name}: {words or 'waiting'}")
    for line in _profiles(live):
        output(f"profile     {line}")
    if report["files"]:
        output(f"{'file':<50} {'size':>12} {'read':>12} {'acknowledged':>12} {'behind':>10}  state")
    for file in report["files"]:
        behind = format_size(file["lag_bytes"]) + (f" {file['lag_s']:.0f}s" if file["lag_s"] else "")
        output(
            f"{file['path']:<50} {file['size']:>12} {file['position']:>12} {file['acknowledged']:>12} {behind:>10}"
            f"  {file['state']}{_remarks(file)}"
        )
        if error := file["last_error"]:
            output(f"  last error at {error['time']}: {error['error']}")
    if reload := live.get("reload"):
        output(f"reload      {'took effect' if reload['ok'] else 'FAILED'} at {reload['time']}")
    for problem in report["problems"]:
        output(f"problem     {problem}")


def _of_inputs(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what became of the lines of each input."""
    for name, counters in sorted(report.get("counters", {}).items()):
        others = sorted(counter for counter, value in counters.items() if value and counter not in _OF_BYTES)
        words = ", ".join(f"{counters[counter]} {counter.replace('_', ' ')}" for counter in others)
        yield f"input       {name}: {words}"
        if read := counters.get("bytes_read", 0):
            parts = ", ".join(f"{counters.get(each, 0)} {each.removeprefix('bytes_')}" for each in _OF_BYTES[1:])
            yield f"            {read} bytes read = {parts}"
        yield from (f"            {line}" for line in _of_rules(report, name))
        if redacted := report["agent"].get("redacted_by_input", {}).get(name):
            yield f"            redacted: {', '.join(f'{rule} {count}' for rule, count in sorted(redacted.items()))}"


def _of_rules(report: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield what the rules of an input have done to its events, a line for each rule."""
    dropped = report.get("dropped_by_rule", {}).get(name, {})
    kept = report.get("kept_by_rule", {}).get(name, {})
    for rule in sorted({*dropped, *kept}):
        of = f" of {dropped.get(rule, 0) + kept[rule]}" if rule in kept else ""
        yield f"{rule}: {dropped.get(rule, 0)}{of} events dropped"


def encode_report(report: Mapping[str, Any]) -> str:
    """Return a report as JSON."""
    return msgspec.json.format(msgspec.json.encode(report)).decode()
