"""Syslog from the programs that speak it: logger(1) and a real rsyslogd, through the agent into the store."""

import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stand import Program, Stand, free_port, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

LOGGER = shutil.which("logger")
RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")
MESSAGES = 10_000


class Syslog:
    """A stand whose agent receives syslog: ports by the name of the input."""

    def __init__(self, folder: Path) -> None:
        self.socket, self.stream = folder / "log.sock", folder / "stream.sock"
        self.ports = {name: free_port() for name in ("udp", "newline", "counted")}
        listens = {
            "udp": f"udp://127.0.0.1:{self.ports['udp']}",
            "newline": f"tcp://127.0.0.1:{self.ports['newline']}",
            "counted": f"tcp://127.0.0.1:{self.ports['counted']}",
            "unix": f"unix://{self.socket}",
            "stream": f"unix+stream://{self.stream}",
        }
        inputs = "".join(
            f"  - name: {name}\n    profile: syslog\n    syslog: {{listen: ['{listen}']}}\n"
            for name, listen in listens.items()
        )
        self.listens = listens
        self.stand = Stand(folder / "stand", agent_extra=inputs)
        self.stand.collector.start()
        self.stand.wait_until_up()
        self.stand.agent.start()
        wait_for("the agent to listen", self.is_listening, 60, self.stand.evidence)

    def is_listening(self) -> bool:
        states = self.stand.agent_status().get("agent", {}).get("listeners", {})
        return {name: state["listening"] for name, state in states.items()} == {
            name: [listen] for name, listen in self.listens.items()
        }

    def wait_until_stored(self, events: int) -> None:
        stored = self.stand.wait_until_stored(events, 90)
        assert stored, f"{self.stand.stored_events()} of {events} are stored\n{self.stand.evidence()}"

    def counter(self, name: str, counter: str) -> int:
        return int(self.stand.agent_status()["counters"].get(name, {}).get(counter, 0))


@pytest.fixture
def syslog(tmp_path: Path) -> Iterator[Syslog]:
    made = Syslog(tmp_path)
    yield made
    made.stand.close()


def log(*options: str | Path, message: str) -> None:
    assert LOGGER is not None
    command = [LOGGER, "--id=4711", "-t", "backup", "-p", "local3.err", *map(str, options), "--", message]
    subprocess.run(command, check=True, timeout=30)


@pytest.mark.skipif(LOGGER is None, reason="there is no logger(1) here (Debian: bsdutils)")
def test_every_way_of_logger_is_understood(syslog: Syslog) -> None:
    ways: dict[str, tuple[str, list[str | Path]]] = {}
    data = ["--sd-id", "zoo@32473", "--sd-param", 'tiger="hung\\"ry"']
    for form in ("--rfc3164", "--rfc5424"):
        sd = data if form == "--rfc5424" else []
        at = ["-n", "127.0.0.1", form, *sd, "-P"]
        ways[f"udp{form}"] = "udp", ["-d", *at, str(syslog.ports["udp"])]
        ways[f"tcp{form}"] = "newline", ["-T", *at, str(syslog.ports["newline"])]
        ways[f"counted{form}"] = "counted", ["-T", "--octet-count", *at, str(syslog.ports["counted"])]
        ways[f"unix{form}"] = "unix", [form, *sd, "-d", "-u", syslog.socket]
        ways[f"stream{form}"] = "stream", [form, *sd, "-T", "-u", syslog.stream]
    ways["local"] = "unix", ["-u", syslog.socket]
    for way, (_, options) in ways.items():
        log(*options, message=f"way {way}: café")
    syslog.wait_until_stored(len(ways))
    events = {event["message"]: event for event in syslog.stand.get("/v1/events?limit=100")["events"]}
    assert sorted(events) == sorted(f"way {way}: café" for way in ways)
    hosts = {event["resource"].get("id") for event in events.values()}
    assert len(hosts - {None}) <= 2  # RFC 3164 has it without its domain
    for way, (name, options) in ways.items():
        event = events[f"way {way}: café"]
        assert (event["module"], event["category"], event["actor"]) == ("backup", "system", {"type": "system"})
        assert (event["origin"]["input"], event["origin"]["profile"]) == (name, "syslog")
        assert event["origin"]["file"] == peer(syslog, name)
        assert "flags" not in event
        details = event["details"]
        assert (details["facility"], details["severity"], details["pid"]) == ("local3", "err", 4711)
        if data[0] in options:
            assert details["structured_data"]["zoo@32473"] == {"tiger": 'hung"ry'}


def peer(syslog: Syslog, name: str) -> str:
    paths = {"unix": syslog.socket, "stream": syslog.stream}
    return f"unix://{paths[name]}" if name in paths else f"{'udp' if name == 'udp' else 'tcp'}://127.0.0.1"


RSYSLOG_CONF = """
global(workDirectory="{folder}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{folder}/in.sock" RateLimit.Interval="0")
template(name="file" type="string" string="%syslogtag%%msg%")
if $programname == "newline" then {{
  action(type="omfwd" target="127.0.0.1" port="{newline}" protocol="tcp" TCP_Framing="traditional"
         template="RSYSLOG_TraditionalForwardFormat" action.resumeRetryCount="-1")
}}
if $programname == "counted" then {{
  action(type="omfwd" target="127.0.0.1" port="{counted}" protocol="tcp" TCP_Framing="octet-counted"
         template="RSYSLOG_SyslogProtocol23Format" action.resumeRetryCount="-1")
}}
if $programname == "udp" then {{
  action(type="omfwd" target="127.0.0.1" port="{udp}" protocol="udp" template="RSYSLOG_ForwardFormat")
}}
"""


@pytest.fixture
def rsyslogd(tmp_path: Path, syslog: Syslog) -> Iterator[socket.socket]:
    """Start an rsyslogd that forwards by the name of the program; yield a socket to log to it."""
    if RSYSLOGD is None:
        pytest.skip("there is no rsyslogd here (Debian: apt-get install rsyslog)")
    folder = tmp_path / "rsyslog"
    folder.mkdir()
    configuration = folder / "rsyslog.conf"
    configuration.write_text(RSYSLOG_CONF.format(folder=folder, **syslog.ports))
    command = [RSYSLOGD, "-n", "-f", str(configuration), "-i", str(folder / "pid")]
    with (folder / "out").open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        path = folder / "in.sock"
        wait_for("rsyslogd to listen", path.exists, 30, lambda: (folder / "out").read_text())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as logged:
            logged.connect(str(path))
            yield logged
    finally:
        process.terminate()
        process.wait(30)


def test_what_rsyslogd_forwards_is_stored_once(syslog: Syslog, rsyslogd: socket.socket) -> None:
    for number in range(3 * MESSAGES):
        program = ("newline", "counted", "udp")[number % 3]
        rsyslogd.send(b"<165>Nov 21 14:05:09 %s[%d]: message %d of 30000" % (program.encode(), number + 1, number + 1))
    numbers: Counter[int] = Counter()

    def all_accounted_for() -> bool:
        numbers.clear()
        numbers.update(syslog.stand.stored_numbers("pid"))
        lost = syslog.counter("udp", "kernel_dropped") + syslog.counter("udp", "dropped")
        return numbers.total() + lost >= 3 * MESSAGES

    wait_for("all messages", all_accounted_for, 120, lambda: f"{numbers.total()} stored\n{syslog.stand.evidence()}")
    assert set(numbers.values()) == {1}
    for place, name in enumerate(("newline", "counted")):
        assert [number for number in range(place + 1, 3 * MESSAGES + 1, 3) if number not in numbers] == []
        counters = syslog.stand.agent_status()["counters"][name]
        of_lines = {counter: count for counter, count in counters.items() if not counter.startswith("bytes_")}
        assert of_lines == {"lines": MESSAGES, "events": MESSAGES}
        assert counters["bytes_read"] == counters["bytes_delivered"]
    (event, *_) = syslog.stand.get("/v1/events?limit=1&q=module:counted")["events"]
    assert event["details"]["facility"] == "local4"
    assert event["message"].endswith("of 30000")


def test_a_stopped_agent_has_stored_what_it_received_and_gives_up_its_socket(syslog: Syslog) -> None:
    with socket.create_connection(("127.0.0.1", syslog.ports["newline"])) as connection:
        for number in range(1, 5001):
            connection.sendall(b"<165>Nov 21 14:05:09 h a[%d]: x\n" % number)
    assert syslog.stand.agent.stop() == 0
    assert not syslog.socket.exists()
    assert not syslog.stream.exists()
    syslog.wait_until_stored(5000)
    assert syslog.stand.stored_numbers("pid") == Counter(range(1, 5001))


def test_a_killed_agent_takes_its_socket_over_when_it_is_started_again(syslog: Syslog) -> None:
    syslog.stand.agent.kill()
    assert syslog.socket.is_socket()
    again: Program = syslog.stand.agent
    again.start()

    def is_taken_over() -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            try:
                sender.connect(str(syslog.socket))
                sender.send(b"<165>Nov 21 14:05:09 a[1]: x")
            except OSError:
                return False
        return True

    wait_for("the socket", is_taken_over, 60, syslog.stand.evidence)
    syslog.wait_until_stored(1)
    found: Any = syslog.stand.stored_numbers("pid")
    assert found == Counter({1: 1})
