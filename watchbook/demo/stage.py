"""The throw-away folder: the log files, both configurations, tokens and secrets of one demo."""

import base64
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from watchbook.demo.writer import Application

#: Application -> profile that its lines are read with.
PROFILES: Final = {"nginx": "nginx", "sshd": "sshd", "app": "jsonl"}

_COLLECTOR: Final = """\
# A collector that listens on loopback, uses the shipped rules and sends its alerts to the demo's own receiver.
listen: 127.0.0.1:{port}
data: {data}
notify:
  channels:
    - name: demo
      webhook:
        url: {hook}
        secret_file: {secret}
"""
_AGENT: Final = """\
# An agent that reads three logs, each with a shipped profile.
name: demo-host
state: {state}
collector:
  url: {url}
  token_file: {token}
inputs:
"""
_INPUT: Final = """\
  - name: {name}
    files: [{path}]
    profile: {profile}
    read_from: beginning
"""


class Stage:
    """Where everything of one demo lies.  ``url`` is the collector's address."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.logs = folder / "logs"
        self.collector_yaml = folder / "collector.yaml"
        self.agent_yaml = folder / "agent.yaml"
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self._secret_file = folder / "webhook.secret"
        self._token_file = folder / "agent.token"

    def set_up(self) -> None:
        """Make the folders and the secret, before anything is started."""
        self.logs.mkdir()
        _write_private(self._secret_file, self.secret)

    def write_collector(self, hook: str) -> None:
        """Write the collector's configuration, with the receiver at ``hook``."""
        self.collector_yaml.write_text(
            _COLLECTOR.format(
                port=self.port,
                data=_quoted(self.folder / "collector"),
                hook=json.dumps(hook),
                secret=_quoted(self._secret_file),
            )
        )

    def write_agent(self, token: str, programs: Sequence[Application]) -> None:
        """Write the agent's configuration and its token."""
        _write_private(self._token_file, token)
        head = _AGENT.format(
            state=_quoted(self.folder / "agent"), url=json.dumps(self.url), token=_quoted(self._token_file)
        )
        inputs = (
            _INPUT.format(name=program.name, path=_quoted(program.path), profile=PROFILES[program.name])
            for program in programs
        )
        self.agent_yaml.write_text(head + "".join(inputs))


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text + "\n")


def _quoted(path: Path) -> str:
    # Every JSON string is a YAML string.
    return json.dumps(str(path))
