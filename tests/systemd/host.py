"""A host of its own to install on: this one as it is, in a mount namespace, with layers that take what is written.

What is written to /etc, /opt, /usr/local and /var/lib in there is gone with it: users, units, programs, data.  The
systemd of this host is hidden: nothing in there can reach it.  Never start one in there: /tmp, /dev and the settings of
the kernel are those of this host, and a systemd that boots empties /tmp.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDERS: Final = ("/etc", "/opt", "/usr/local", "/var/lib")
_LAYERS: Final = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$0"
for folder in "$@"; do
  mkdir -p "$0$folder/upper" "$0$folder/work"
  mount -t overlay overlay -o "lowerdir=$folder,upperdir=$0$folder/upper,workdir=$0$folder/work" "$folder"
done
if [ -d /run/systemd ]; then mount -t tmpfs tmpfs /run/systemd; fi
echo up
exec cat
"""


class Host:
    """The namespace; it lives as long as the process that holds it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", _LAYERS, str(folder), *FOLDERS],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        self.is_up = self._holder.stdout.readline() == "up\n"

    def command(self, *words: str) -> list[str]:
        """Return the words that run a command in there."""
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", f"--wd={Path.cwd()}", *words]

    def run(self, script: str, *, cwd: Path | None = None, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a script of bash in there, as root."""
        place = f"cd {cwd} && " if cwd else ""
        return subprocess.run(
            self.command("bash", "-o", "pipefail", "-c", place + script),
            env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def close(self) -> None:
        """Let all of it go."""
        self._holder.communicate()


def why_not() -> str | None:
    """Return why there can be no such host here, None when there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs Linux and root"
    probe = subprocess.run(
        ["unshare", "--mount", "bash", "-c", _LAYERS.replace("exec cat", ""), "/mnt", *FOLDERS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return None if probe.returncode == 0 else f"needs overlay mounts: {probe.stderr.strip()}"
