"""A collector and an agent as real processes in a folder of their own: for end-to-end tests, faults and benchmarks."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from collector.store.reader import SegmentReader

COLLECTOR = ("-m", "watchbook", "collector")


class Program:
    """One of our programs as a child process, started and ended as often as a test likes.

    ``prefix`` is a command that runs the program in its own place (setpriv(1)), ``environment`` is added to this one's.
    """

    def __init__(self, name: str, command: tuple[str, ...], log: Path) -> None:
        self.name = name
        self._command = (sys.executable, *command)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.cpu_s_of_dead = 0.0
        self.prefix: tuple[str, ...] = ()
        self.environment: dict[str, str] = {}

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; its log goes to the file."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                (*self.prefix, *self._command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.environment},
            )  # fmt: skip

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self, timeout_s: float = 30) -> int:
        """Wait until it has ended by itself and return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def stop(self, timeout_s: float = 30) -> int:
        """Ask it to stop and return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout_s)
        finally:
            if self._process.poll() is None:
                self.kill()

    def is_running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def children(self) -> dict[int, str]:
        """Return the processes that it has started and that live, with their kinds."""
        found: dict[int, str] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.pid and fields[0] != "Z":
                    command = path.with_name("cmdline").read_bytes().split(b"\0")
                    found[int(path.parent.name)] = command[3].decode() if len(command) > 3 else ""
            except (OSError, IndexError):
                continue  # it ended meanwhile
        return found

    def cpu_s(self) -> float:
        """Return the CPU seconds that it has used, user and system, without those of the processes it started."""
        # The clock of a process as Linux numbers it: clock_getcpuclockid(3).
        return time.clock_gettime(~self.pid << 3 | 2)

    def state(self) -> str:
        """Return the state of its main thread as proc(5) has it: T when it is stopped."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def peak_bytes(self) -> int:
        """Return its peak resident memory."""
        return self._memory("VmHWM")

    def resident_bytes(self) -> int:
        """Return its resident memory now."""
        return self._memory("VmRSS")

    def forget_peak(self) -> None:
        """Let the peak of its memory begin anew, at what is resident now (proc_pid_clear_refs(5))."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _memory(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {name}")

    def log_tail(self, lines: int = 20) -> str:
        """Return the end of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])


class Stand:
    """A folder with both programs' configurations.  ``logs`` is where the agent looks for ``*.log``.

    ``agent_url``: where the agent sends to, if not to the collector; ``agent_ship``: further settings of ``collector``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        collector_command: tuple[str, ...] = COLLECTOR,
        profile: str = "jsonl",
        pattern: str = "app.log",
        agent_extra: str = "",
        agent_url: str = "",
        agent_ship: str = "",
        collector_extra: str = "",
    ) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.collector_yaml = folder / "collector.yaml"
        self.collector_yaml.write_text(f"listen: 127.0.0.1:{self.port}\ndata: {folder}/collector\n{collector_extra}")
        self.agent_yaml = folder / "agent.yaml"
        self.agent_yaml.write_text(
            f"collector:\n  url: {agent_url or self.url}\n  token_file: {folder}/agent.token\n{agent_ship}"
            f"state: {folder}/agent\n"
            f"inputs:\n  - name: app\n    files: [{self.logs}/{pattern}]\n    profile: {profile}\n{agent_extra}"
        )
        (folder / "agent.token").write_text(self.make_token("agent", "ingest"))
        self.token = self.make_token("operator", "read")
        self.collector = Program(
            "collector", (*collector_command, "run", "--config", str(self.collector_yaml)), folder / "collector.out"
        )
        self.agent = Program(
            "agent", ("-m", "watchbook", "agent", "run", "--config", str(self.agent_yaml)), folder / "agent.out"
        )

    def make_token(self, name: str, scope: str) -> str:
        command = [sys.executable, *COLLECTOR, "token", "create", "--config", str(self.collector_yaml)]
        made = subprocess.run([*command, "--name", name, "--scope", scope], capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def wait_until_up(self, timeout_s: float = 60) -> None:
        """Return when the collector answers that it is ready."""
        wait_for("the collector to be ready", self.is_ready, timeout_s, self.evidence)

    def is_ready(self) -> bool:
        """Whether the collector says that it is ready."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as refused:
            refused.close()
            return False
        except OSError:
            return False

    def is_up(self) -> bool:
        """Whether the collector answers at all, ready or not."""
        try:
            urllib.request.urlopen(f"{self.url}/healthz", timeout=5).close()
        except OSError:
            return False
        return True

    def get(self, path: str) -> Any:
        """Return the JSON that the collector answers an operator."""
        request = urllib.request.Request(f"{self.url}{path}", headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def agent_status(self) -> dict[str, Any]:
        """Return what ``watchbook agent status --json`` says."""
        command = [sys.executable, "-m", "watchbook", "agent", "status", "--config", str(self.agent_yaml), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            return dict(json.loads(done.stdout))
        except ValueError:
            return {"error": done.stderr}

    def stored_events(self) -> int:
        """Return how many events the collector's files hold, committed at this moment."""
        reader = self._reader()
        try:
            return reader.last_number()
        finally:
            reader.close()

    def wait_until_stored(self, events: int, timeout_s: float) -> bool:
        """Wait until at least so many events are stored, then until nothing more comes; return whether they are."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.stored_events() >= events:
                time.sleep(1.0)  # what is stored twice would come now
                return True
            time.sleep(0.2)
        return False

    def stored_numbers(self, field: str = "seq") -> Counter[int]:
        """Return how often each number of ``details.FIELD`` is stored, read from the collector's files."""
        reader, numbers, after = self._reader(), Counter[int](), 0
        try:
            while infos := reader.arrived_after(after, 1000):
                after = infos[-1].number
                for info in infos:
                    column = reader.read(info).batch.column("details") or []
                    details = [msgspec.json.decode(raw) for raw in column if raw is not None]
                    numbers.update(each[field] for each in details if field in each)  # the collector's own have none
        finally:
            reader.close()
        return numbers

    @property
    def segments(self) -> Path:
        """Folder of the collector's segments."""
        return self.folder / "collector" / "segments"

    def _reader(self) -> SegmentReader:
        return SegmentReader(self.segments, 1 << 30)

    def evidence(self) -> str:
        """Return the ends of both logs, for a failure's message."""
        return "\n".join(f"--- {p.name}\n{p.log_tail()}" for p in (self.collector, self.agent) if p._log.exists())

    def close(self) -> None:
        """End what still runs."""
        for program in (self.agent, self.collector):
            if program.is_running():
                program.kill()


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(what: str, is_so: Any, timeout_s: float, evidence: Any = lambda: "") -> None:
    """Return when something is so; raises AssertionError with the evidence when it is not in time."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s in vain for {what}\n{evidence()}")
        time.sleep(0.05)


def free_port() -> int:
    """Return a port of the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
