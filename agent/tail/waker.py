"""Hints that something changed in the folders, through watchfiles.  A missed hint may only cost latency."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from watchfiles import Change, awatch

from agent.tail.settings import TailSettings
from watchbook.logs import get_logger

log = get_logger("tail")


class Waker:
    """Wakes the reader: after a change, gathered for one tick, or after the rescan interval."""

    def __init__(self, settings: TailSettings, folders: Callable[[], set[str]]) -> None:
        self._settings = settings
        self._folders = folders
        self._changed = asyncio.Event()
        self._restart = asyncio.Event()
        self._watched: set[str] = set()
        #: Files appeared, vanished or were renamed since this was last set to False.
        self.names_changed = False

    async def wait(self) -> bool:
        """Return when there may be something to read: True after a hint, False when the interval has passed."""
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
        """Watch other folders if what is to be watched has changed."""
        if self._existing() != self._watched:
            self._restart.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._restart.clear()
            self._watched = self._existing()
            if self._watched:
                await self._watch(self._watched)
            else:
                await self._restart.wait()

    async def _watch(self, folders: set[str]) -> None:
        tick_ms = max(1, int(self._settings.tick * 1000))
        try:
            async for changes in awatch(
                *folders, watch_filter=None, step=tick_ms, debounce=tick_ms, stop_event=self._restart, recursive=False
            ):
                if any(change is not Change.modified for change, _ in changes):
                    self.names_changed = True
                self._changed.set()
        except Exception as error:  # noqa: BLE001  # a hint only, and watchfiles raises its own kinds
            # No inotify watches left, or a folder that went away: the rescans go on, only latency is lost.
            log.warning("watch_failed", error=str(error), next_step="raise fs.inotify.max_user_watches")
            await asyncio.sleep(self._settings.rescan_interval)

    def _existing(self) -> set[str]:
        return {folder for folder in self._folders() if Path(folder).is_dir()}
