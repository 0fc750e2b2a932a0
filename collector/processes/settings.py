"""Settings of the child processes."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting
from watchbook.units import Bytes, Seconds


def _nice(value: int) -> str | None:
    return None if 0 <= value <= 19 else "0 to 19"


@dataclass(frozen=True)
class ProcessSettings:
    """The processes beside the one that receives: how many, how long, how often."""

    query_workers: int = setting("Processes that answer queries, each one at a time.", 2, check=positive)
    waiting_max: int = setting("Queries that may wait for a worker; above it clients get 503.", 64, check=positive)
    waiting_time: Seconds = setting(
        "How long a query may wait for a worker before its client gets 503.", Seconds(20.0), check=positive
    )
    grace: Seconds = setting(
        "How long past 'query.deadline' a worker may still be busy with a query before it is killed.",
        Seconds(10.0),
        check=positive,
    )
    page_time: Seconds = setting(
        "How long a worker may be busy with one page of an export before it is killed.", Seconds(120.0), check=positive
    )
    exports_max: int = setting(
        "Exports to a file and back-tests that are made at the same time, each in a process of its own; above it "
        "clients get 503.",
        1,
        check=positive,
    )
    export_deadline: Seconds = setting(
        "How long an export to a file, or a back-test, may take before its process is killed.",
        Seconds(3600.0),
        check=positive,
    )
    frame_bytes_max: Bytes = setting(
        "Most bytes of one answer; a larger one is refused with the word to ask for less.", Bytes(256 << 20),
        check=positive,
    )  # fmt: skip
    start_time: Seconds = setting(
        "How long a process may take to be ready before it is killed and started again.", Seconds(120.0), check=positive
    )
    stop_time: Seconds = setting(
        "How long a process may take to end, once it is asked to, before it is killed.", Seconds(10.0), check=positive
    )
    restart_first: Seconds = setting(
        "Pause before a process that died is started again; it doubles each time.", Seconds(0.1), check=positive
    )
    restart_max: Seconds = setting(
        "Longest pause before a process that died is started again.", Seconds(30.0), check=positive
    )
    steady_time: Seconds = setting(
        "A process that has run this long is well: the next restart waits the shortest time.",
        Seconds(30.0),
        check=positive,
    )
    index_nice: int = setting("How much the index process stands back for the others (nice, 0 to 19).", 0, check=_nice)
    index_behind_max: int = setting(
        "With more stored events than this not yet indexed, senders are answered at the pace of the index: questions "
        "have to read what it does not cover.",
        20_480,
        check=positive,
    )
    index_waiting_time: Seconds = setting(
        "How long one request of a sender waits for the index at most; then its events are taken all the same.",
        Seconds(0.5),
    )
