"""What an agent that only reads files does not import, so that it holds no memory for it.

By the names of modules, not by megabytes: those depend on the machine.  Whatever fails here came in by an import at the
top of a module that the agent needs; see where with ``python -X importtime -m watchbook agent run``.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stand import Program, Stand

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

#: Why each: the command line and YAML stay in the process that read the configuration; the others are for what only
#: some agents do.
_NOT_IMPORTED = {
    "click", "yaml", "difflib", "watchbook.cli", "agent.cli", "agent.profile.filling", "agent.profile.samples",
    "agent.drafting", "agent.discover", "agent.tryout", "agent.enroll", "agent.check", "agent.hostcheck",
    "agent.listen.hook", "agent.listen.hook_server", "agent.listen.command", "agent.listen.journal",
    "agent.listen.syslog.listener", "agent.listen.signatures", "agent.tail.unpacking",
    "aiohttp", "rich.traceback", "prometheus_client", "hashlib", "hmac", "bz2", "gzip", "lzma", "xml.etree.ElementTree",
    "urllib.request", "http.client", "email", "tempfile", "shutil", "concurrent.futures.process",
}  # fmt: skip
#: That the list is read at all.
_IMPORTED = {"agent.app", "agent.profile.structcode", "asyncio", "sqlite3"}
_FIRST_LINE = "import time: self [us]"
_LINE = re.compile(r"import time:[^|]*\|[^|]*\| +(\S+)")


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "stand")
    command = ("-X", "importtime", "-m", "watchbook", "agent", "run", "--config", str(made.agent_yaml))
    made.agent = Program("agent", command, tmp_path / "agent.out")
    yield made
    made.close()


def test_an_agent_that_reads_files_imports_only_what_that_takes(stand: Stand, tmp_path: Path) -> None:
    stand.collector.start()
    stand.wait_until_up()
    stand.agent.start()
    lines = [f'{{"action": "read", "user": "u{n}", "password": "hunter22", "seq": {n}}}\n' for n in range(300)]
    (stand.logs / "app.log").write_text("".join(lines))
    assert stand.wait_until_stored(300, 60), stand.evidence()
    stand.agent.stop()
    reading, running = (tmp_path / "agent.out").read_text().split(_FIRST_LINE)[1:]
    assert {"click", "yaml"} <= set(_LINE.findall(reading))
    imported = set(_LINE.findall(running))
    assert imported >= _IMPORTED
    assert imported & _NOT_IMPORTED == set()
