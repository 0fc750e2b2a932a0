"""An agent as a real process, with the sink in the place of the collector, and the lines it is given."""

import compileall
import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.cloud_logs import CloudTrailLog, KubernetesLog
from tests.benchmarks.more_logs import AuditLog, LogfmtLog
from tests.benchmarks.syslog_log import SyslogLog
from tests.stand import Program, free_port, wait_for
from watchbook.demo.applog import AppLog
from watchbook.demo.hostlogs import AccessLog, AuthLog
from watchbook.shipped import shipped_folder

_START_US = 1_793_491_200_000_000  # 2026-11-01T00:00:00Z
_DAY_US = 86_400_000_000
_SETTLE_S = 0.5
_ROOT = Path(__file__).parent.parent.parent


class Case(NamedTuple):
    """One kind of log: its name in the figures, the profile that understands it, who writes its lines, and how many
    lines make an event."""

    name: str
    profile: str
    make: Callable[[int], Callable[[int], bytes]]
    lines_each: int = 1

    @property
    def is_possible(self) -> bool:
        """Whether there is a profile for it."""
        return (shipped_folder("config") / "profiles" / f"{self.profile}.yaml").exists()


CASES = (
    Case("JSON", "jsonl", lambda seed: AppLog(seed).line),
    Case("nginx combined", "nginx", lambda seed: AccessLog(seed).line),
    Case("syslog 5424", "syslog", lambda seed: SyslogLog(seed).line),
    Case("logfmt", "logfmt", lambda seed: LogfmtLog(seed).line),
    Case("sshd", "sshd", lambda seed: AuthLog(seed).line),
    Case("auditd, a record", "auditd", lambda seed: AuditLog(seed).line, AuditLog.RECORDS),
    Case("CloudTrail", "cloudtrail", lambda seed: CloudTrailLog(seed).line),
    Case("Kubernetes audit", "kubernetes-audit", lambda seed: KubernetesLog(seed).line),
)


def write_lines(path: Path, case: Case, lines: int, seed: int = 7) -> int:
    """Write the lines of one day (whole events only), and return their bytes."""
    events = lines // case.lines_each
    line, step = case.make(seed), _DAY_US // events
    with path.open("wb") as file:
        for number in range(events):
            file.write(line(_START_US + number * step))
    return path.stat().st_size


class AgentStand:
    """A folder with an agent's configuration, and a sink.  ``logs`` is where the agent looks for ``*.log``."""

    def __init__(self, folder: Path, profile: str, *, keep: bool = False) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        self.kept = folder / "kept"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        configuration = folder / "agent.yaml"
        configuration.write_text(
            f"collector: {{url: '{self.url}', token: bench}}\nstate: {folder}/agent\n"
            f"inputs:\n  - {{name: app, files: ['{self.logs}/*.log'], profile: {profile}}}\n"
        )
        kept = ("--keep", str(self.kept)) if keep else ()
        self.sink = Program("sink", ("-m", "tests.benchmarks.sink", "--port", str(port), *kept), folder / "sink.out")
        command = ("-m", "watchbook", "agent", "run", "--config", str(configuration))
        self.agent = Program("agent", command, folder / "agent.out")

    def start(self) -> None:
        """Start both; return when the agent runs and has come to rest."""
        self.sink.start()
        wait_for("the sink", self._is_up, 30, self.evidence)
        self.agent.start()
        status = self.folder / "agent" / "status.json"
        wait_for("the agent to run", status.exists, 60, self.evidence)
        time.sleep(_SETTLE_S)

    def count(self) -> int:
        """Return how many events have been acknowledged."""
        with urllib.request.urlopen(f"{self.url}/count", timeout=10) as answer:
            return int(json.loads(answer.read())["events"])

    def wait_until_sent(self, events: int, timeout_s: float) -> None:
        """Return when so many events have been acknowledged, and the agent has noted it."""
        deadline = time.monotonic() + timeout_s
        while (count := self.count()) < events:
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {count} of {events} events were sent\n{self.evidence()}")
            time.sleep(0.02)
        time.sleep(_SETTLE_S)

    def evidence(self) -> str:
        """Return the ends of both logs, for a failure's message."""
        return "\n".join(f"--- {program.name}\n{program.log_tail()}" for program in (self.sink, self.agent))

    def close(self) -> None:
        """End what still runs."""
        for program in (self.agent, self.sink):
            if program.is_running():
                program.kill()

    def _is_up(self) -> bool:
        try:
            return self.count() >= 0
        except OSError:
            return False


@contextmanager
def agent_stand(profile: str, *, keep: bool = False) -> Iterator[AgentStand]:
    """Give an agent and a sink, not started yet, in a throw-away folder."""
    _compile_bytecode()
    folder = Path(tempfile.mkdtemp(prefix="watchbook-bench-"))
    stand = AgentStand(folder, profile, keep=keep)
    try:
        yield stand
    finally:
        stand.close()
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _compile_bytecode() -> None:
    """Do what pip does when it installs: an agent that compiles its modules itself holds 1 MB more for it."""
    for package in ("agent", "watchbook"):
        compileall.compile_dir(_ROOT / package, quiet=1)
