"""Hints that something changed in the folders, through watchfiles.  A missed hint may only cost latency."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from watchfiles import Change, watch

from agent.tail.settings import TailSettings
from watchbook.logs import get_logger

log = get_logger("tail")
#: How long watchfiles waits between its looks at what was reported to it; it tells after the second one.
_STEP_MS: Final = 10


class Waker:
    """Wakes the reader: after a change, gathered for one tick, or after the rescan interval."""

    def __init__(self, settings: TailSettings, folders: Callable[[], set[str]]) -> None:
        self._settings = settings
        self._folders = folders
        self._changed = asyncio.Event()
        self._restart = threading.Event()
        self._wanted = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._watched: set[str] = set()
        self._paths: set[str] = set()
        #: Files appeared, vanished or were renamed since this was last set to False.
        self.names_changed = False

    def take_paths(self) -> set[str]:
        """Return the files that hints named since the last call."""
        paths, self._paths = self._paths, set()
        return paths

    async def wait(self) -> bool:
        """Return when there may be something to read: True after a hint, False when the interval has passed."""
        self._wanted.set()
        try:
            async with asyncio.timeout(self._settings.rescan_interval):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def wake(self) -> None:
        """Wake the reader now."""
        self._changed.set()

    def folders_may_have_changed(self) -> None:
        """Watch other folders if what is to be watched has changed.  Blocks; may be called from any thread."""
        if self._existing() != self._watched:
            self._stop(self._restart)

    def _stop(self, restart: threading.Event) -> None:
        restart.set()
        self._wanted.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._restart = restart = threading.Event()
            self._watched = await asyncio.to_thread(self._existing)
            try:
                await asyncio.to_thread(self._watch, self._watched, restart)
            except Exception as error:  # noqa: BLE001  # a hint only, and watchfiles raises its own kinds
                # No inotify watches left, or a folder that went away: the rescans go on, only latency is lost.
                log.warning("watch_failed", error=str(error), next_step="raise fs.inotify.max_user_watches")
                await asyncio.sleep(self._settings.rescan_interval)
            finally:
                self._stop(restart)

    def _watch(self, folders: set[str], restart: threading.Event) -> None:
        """Pass hints on until the restart is asked for.  Runs in a thread of its own."""
        if not folders:
            restart.wait()
            return
        for changes in watch(
            *folders,
            watch_filter=None,
            step=_STEP_MS,
            debounce=_STEP_MS,
            stop_event=restart,
            recursive=False,
            raise_interrupt=False,
        ):
            names_changed = any(change is not Change.modified for change, _ in changes)
            paths = {path for _, path in changes}
            self._wanted.clear()
            if restart.is_set():  # asked after this, it sets what is waited for too
                return
            self._loop.call_soon_threadsafe(self._hint, paths, names_changed)
            self._wanted.wait()  # whatever happens before the reader has read is no news to it

    def _hint(self, paths: set[str], names_changed: bool) -> None:
        self._paths |= paths
        self.names_changed |= names_changed
        self._changed.set()

    def _existing(self) -> set[str]:
        return {folder for folder in self._folders() if Path(folder).is_dir()}
