"""The agent's metrics, made of the report that ``watchbook agent status`` shows: both always say the same."""

import os
import platform
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from agent.metrics import Family
from watchbook.clock import SECOND_US

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STATES: Final = ("starting", "sending", "idle", "retrying", "paused")
_SHIPPED: Final = {
    "batches": Family("watchbook_agent_ship_batches_total", "counter", "Batches that the collector has on disk."),
    "events": Family("watchbook_agent_ship_events_total", "counter", "Events that the collector has on disk."),
    "repeats": Family(
        "watchbook_agent_ship_repeats_total", "counter", "Batches that were sent again and were on disk there already."
    ),
    "retries": Family("watchbook_agent_ship_retries_total", "counter", "Attempts that failed and were tried again."),
    "rejected": Family(
        "watchbook_agent_ship_rejected_total", "counter", "Events that the collector refused; they are kept."
    ),
    "halved": Family("watchbook_agent_ship_halved_total", "counter", "Batches cut in two to find an event at fault."),
    "renewals": Family("watchbook_agent_ship_renewals_total", "counter", "Streams begun anew."),
    "changes": Family("watchbook_agent_ship_changes_total", "counter", "Changes to another collector."),
}
_SPOOL: Final = {
    "batches": Family("watchbook_agent_spool_batches", "gauge", "Unsent batches."),
    "events": Family("watchbook_agent_spool_events", "gauge", "Unsent events."),
    "bytes": Family("watchbook_agent_spool_bytes", "gauge", "Bytes of unsent batches."),
    "rejected": Family("watchbook_agent_spool_rejected_events", "gauge", "Refused events that are kept."),
    "oldest_age_s": Family(
        "watchbook_agent_spool_oldest_age_seconds", "gauge", "Age of the oldest unsent batch; 0 when all is sent."
    ),
}
#: Counters of an input, as the spool keeps them.
_COUNTED: Final = {
    "lines": Family("watchbook_agent_lines_total", "counter", "Lines that were read."),
    "events": Family("watchbook_agent_events_total", "counter", "Lines that a profile understood."),
    "unparsed": Family(
        "watchbook_agent_unparsed_total", "counter", "Lines that no profile understood; kept with their text."
    ),
    "blank": Family("watchbook_agent_blank_total", "counter", "Lines of nothing but whitespace."),
    "truncated": Family("watchbook_agent_truncated_total", "counter", "Lines cut at 'tail.max_line_bytes'."),
    "replaced": Family("watchbook_agent_replaced_total", "counter", "Lines with bytes that had to be replaced."),
    "nuls": Family("watchbook_agent_nuls_total", "counter", "NUL bytes that were met."),
    "bytes_read": Family(
        "watchbook_agent_bytes_read_total", "counter", "Bytes gone past: delivered + dropped + unparsed + lost."
    ),
    "bytes_delivered": Family("watchbook_agent_bytes_delivered_total", "counter", "Bytes of lines that became events."),
    "bytes_dropped": Family(
        "watchbook_agent_bytes_dropped_total", "counter", "Bytes of blank lines, NUL bytes, and what was dropped."
    ),
    "bytes_unparsed": Family("watchbook_agent_bytes_unparsed_total", "counter", "Bytes of lines kept as they were."),
    "bytes_lost": Family(
        "watchbook_agent_bytes_lost_total", "counter", "Bytes beyond the limit of a line, or gone unread."
    ),
}
#: Those that are there only once something was lost.
_LOST: Final = {
    "dropped": Family("watchbook_agent_dropped_total", "counter", "Received lines for which there was no room."),
}
_OF_FILES: Final = {
    "size": Family("watchbook_agent_file_size_bytes", "gauge", "Size of a file."),
    "position": Family("watchbook_agent_file_position_bytes", "gauge", "How far a file is read."),
    "lag_bytes": Family("watchbook_agent_file_lag_bytes", "gauge", "Bytes of a file that are not read yet."),
    "lag_s": Family(
        "watchbook_agent_file_lag_seconds", "gauge", "For how long the oldest unread byte of a file has been seen."
    ),
    "lines": Family("watchbook_agent_file_lines_total", "counter", "Lines read from a file."),
}
#: Of the account of a file.
_OF_ACCOUNTS: Final = {
    "read": Family("watchbook_agent_file_bytes_read_total", "counter", "Bytes of a file gone past."),
    "unparsed": Family("watchbook_agent_file_bytes_unparsed_total", "counter", "Of these, in lines kept as they were."),
    "lost": Family("watchbook_agent_file_bytes_lost_total", "counter", "Of these, lost."),
}


def families_of(report: Mapping[str, Any], *, files_max: int, spool_bytes_max: int) -> Iterator[Family]:
    """Yield the metrics of a report of a running agent; ``files_max`` files have some of their own."""
    live = report["agent"]
    yield from _process(live)
    yield from _shipping(live["ship"])
    yield from _spool(report.get("spool", {}), spool_bytes_max)
    yield from _inputs(report.get("counters", {}))
    yield from _rules(report)
    yield from _lags(report["files"])
    yield from _files(report["files"], files_max)
    yield from _health(report)


def _fresh(family: Family) -> Family:
    return Family(family.name, family.kind, family.doc)


def _process(live: Mapping[str, Any]) -> Iterator[Family]:
    yield Family("watchbook_agent_build_info", "gauge", "The running agent; always 1.").add(
        1, version=live["version"], python=platform.python_version(), name=live["name"]
    )
    times = os.times()
    yield Family("watchbook_agent_cpu_seconds_total", "counter", "CPU seconds, user and system.").add(
        round(times.user + times.system, 2)
    )
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return
    yield Family("watchbook_agent_resident_bytes", "gauge", "Resident memory.").add(pages * _PAGE_BYTES)


def _shipping(ship: Mapping[str, Any]) -> Iterator[Family]:
    state = Family("watchbook_agent_ship_state", "gauge", "How sending goes: 1 for the state that it is in.")
    for name in dict.fromkeys((*_STATES, ship["state"])):
        state.add(ship["state"] == name, state=name)
    yield state
    for name, family in _SHIPPED.items():
        yield _fresh(family).add(ship[name])
    if ship["last_success"] is not None:
        yield Family(
            "watchbook_agent_ship_last_success_timestamp_seconds", "gauge", "When a batch was last acknowledged."
        ).add(ship["last_success"] / SECOND_US)


def _spool(spool: Mapping[str, Any], bytes_max: int) -> Iterator[Family]:
    for name, family in _SPOOL.items():
        if name in spool:
            yield _fresh(family).add(spool[name] or 0)
    yield Family("watchbook_agent_spool_bytes_max", "gauge", "Where reading stops ('spool.bytes_max').").add(bytes_max)


def _inputs(counters: Mapping[str, Mapping[str, int]]) -> Iterator[Family]:
    known = _COUNTED | _LOST
    more = sorted({name for values in counters.values() for name in values} - known.keys())
    for name, family in known.items():
        made = _fresh(family)
        for each, values in sorted(counters.items()):
            made.add(values.get(name, 0), input=each)
        yield made
    for name in more:
        made = Family(f"watchbook_agent_{name}_total", "counter", f"The counter {name!r} of an input.")
        for each, values in sorted(counters.items()):
            made.add(values.get(name, 0), input=each)
        yield made


def _rules(report: Mapping[str, Any]) -> Iterator[Family]:
    for part, made in (
        (
            "dropped_by_rule",
            Family("watchbook_agent_rule_dropped_total", "counter", "Events dropped by a rule of 'drop' or 'sample'."),
        ),
        ("kept_by_rule", Family("watchbook_agent_rule_kept_total", "counter", "Events kept by a rule of 'sample'.")),
    ):
        for name, counts in sorted(report.get(part, {}).items()):
            for rule, count in sorted(counts.items()):
                made.add(count, input=name, rule=rule)
        yield made


def _lags(files: list[dict[str, Any]]) -> Iterator[Family]:
    lag_bytes: dict[str, int] = defaultdict(int)
    lag_s: dict[str, float] = defaultdict(float)
    followed: dict[tuple[str, str], int] = defaultdict(int)
    for file in files:
        lag_bytes[file["input"]] += file["lag_bytes"]
        lag_s[file["input"]] = max(lag_s[file["input"]], file["lag_s"] or 0)
        followed[file["input"], file["state"]] += 1
    one = Family("watchbook_agent_lag_bytes", "gauge", "Bytes of all files of an input that are not read yet.")
    two = Family("watchbook_agent_lag_seconds", "gauge", "For how long the oldest unread byte of an input was seen.")
    for name, value in lag_bytes.items():
        one.add(value, input=name)
        two.add(lag_s[name], input=name)
    yield from (one, two)
    three = Family("watchbook_agent_files", "gauge", "Files that are followed: live or rotated.")
    for (name, state), count in followed.items():
        three.add(count, input=name, state=state)
    yield three


def _files(files: list[dict[str, Any]], files_max: int) -> Iterator[Family]:
    shown = sorted(files, key=lambda file: (-file["lag_bytes"], file["path"]))[:files_max]
    # The same path may be there twice for a moment: rotated away and written anew.
    unique = {(file["input"], file["path"], file["state"]): file for file in shown}
    for name, family in _OF_FILES.items():
        made = _fresh(family)
        for (each, path, state), file in unique.items():
            if file.get(name) is not None:
                made.add(file[name], input=each, file=path, state=state)
        yield made
    for name, family in _OF_ACCOUNTS.items():
        made = _fresh(family)
        for (each, path, state), file in unique.items():
            made.add(file["account"][name], input=each, file=path, state=state)
        yield made
    yield Family("watchbook_agent_files_unlisted", "gauge", "Files without metrics of their own.").add(
        len(files) - len(unique)
    )


def _health(report: Mapping[str, Any]) -> Iterator[Family]:
    live = report["agent"]
    paused = live["paused"] or ""
    full = paused.startswith("the spool is full")
    yield (
        Family("watchbook_agent_paused", "gauge", "1 when nothing is read, by what stands in the way.")
        .add(full, reason="spool_full")
        .add(bool(paused) and not full, reason="spool_unwritable")
    )
    yield Family("watchbook_agent_file_errors", "gauge", "Files and folders that cannot be read just now.").add(
        len(live["errors"])
    )
    redacted = Family("watchbook_agent_redacted_total", "counter", "Secrets taken out, by input and rule.")
    for name, counts in sorted(live["redacted_by_input"].items()):
        for rule, count in sorted(counts.items()):
            redacted.add(count, input=name, rule=rule)
    yield redacted
    reloads = Family("watchbook_agent_reloads_total", "counter", "Reloads of the configuration.")
    for result, count in live["reloads"].items():
        reloads.add(count, result=result)
    yield reloads
    last = live["reload"]
    yield Family("watchbook_agent_reload_failing", "gauge", "1 when the last reload failed.").add(
        bool(last) and not last["ok"]
    )
    if last:
        yield Family("watchbook_agent_reload_timestamp_seconds", "gauge", "When a reload was last asked for.").add(
            datetime.fromisoformat(last["time"]).timestamp()
        )
    yield from _listeners(live["listeners"])
    yield Family("watchbook_agent_problems", "gauge", "Problems that 'watchbook agent status' shows.").add(
        len(report["problems"])
    )


def _listeners(states: Mapping[str, Mapping[str, Any]]) -> Iterator[Family]:
    failing = Family("watchbook_agent_listener_failing", "gauge", "1 when an input does not receive.")
    numbers = Family("watchbook_agent_listener", "gauge", "What an input that receives says of itself.")
    for name, state in sorted(states.items()):
        failing.add(bool(state.get("error")), input=name)
        for what, value in state.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                numbers.add(value, input=name, what=what)
    yield from (failing, numbers)
