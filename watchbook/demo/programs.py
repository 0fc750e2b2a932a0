"""The real programs as processes of their own: started, asked, stopped, and their logs when something was wrong."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

STOP_S: Final = 60.0
COMMAND_S: Final = 120.0
TAIL_LINES: Final = 30

_PACKAGES: Final = Path(__file__).parent.parent.parent


class ProgramError(Exception):
    """A program did not do what the demo asked of it."""


def _command(*words: str) -> tuple[str, ...]:
    # -P: a folder named like one of our packages, where the demo happens to be started, must not be taken for it.
    return (sys.executable, "-P", "-m", "watchbook", *words)


def _environment() -> dict[str, str]:
    paths = (str(_PACKAGES), os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


async def create_token(collector_yaml: Path, name: str, scope: str) -> str:
    """Return a new token of the collector; raises ProgramError."""
    words = ("collector", "token", "create", "--config", str(collector_yaml), "--name", name, "--scope", scope)
    code, out, err = await run_command(*words)
    if code != 0:
        raise ProgramError(f"'watchbook {' '.join(words)}' exited with {code}:\n{err}")
    return out.strip()


async def run_command(*words: str) -> tuple[int, str, str]:
    """Return one ``watchbook`` command's exit code and what it prints; raises ProgramError when it takes too long."""
    process = await asyncio.create_subprocess_exec(
        *_command(*words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=_environment()
    )
    try:
        async with asyncio.timeout(COMMAND_S):
            out, err = await process.communicate()
    except TimeoutError as error:
        raise ProgramError(f"'watchbook {' '.join(words)}' did not end within {COMMAND_S:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


class Program:
    """One ``watchbook … run`` as a process; its output goes to a file.

    It gets a session of its own, so that a Ctrl-C in the terminal reaches only the demo, which stops things in order.
    """

    def __init__(self, name: str, config: Path, log: Path) -> None:
        self.name = name
        self._config = config
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process."""
        with await asyncio.to_thread(self._log.open, "ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_command(self.name, "run", "--config", str(self._config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """The exit code; None before the start and while it runs."""
        return self._process.returncode if self._process else None

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def stop(self) -> None:
        """Ask the process to stop (SIGTERM) and wait; kill it when it does not."""
        if self._process is None or not self.running:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End the process at once, if it still runs."""
        if self._process is not None and self.running:
            self._process.kill()
            await self._process.wait()

    def tail(self) -> str:
        """Return the last lines of what the process said."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:]) or "  (it said nothing)"
