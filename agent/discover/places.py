"""The table of known logs."""

from dataclasses import dataclass
from pathlib import Path

from agent.tail.names import matches
from watchbook.configfile import bind, load, setting


@dataclass(frozen=True)
class KnownLog:
    """A log that many hosts have."""

    name: str = setting("Name of the input that is proposed.")
    files: tuple[str, ...] = setting("Absolute paths or glob patterns of its files.")
    profile: str | tuple[str, ...] | None = setting(
        "Profile that is tried first; a list for a log of several programs, each line of which is of one of them.", None
    )

    @property
    def profile_names(self) -> tuple[str, ...]:
        """The profiles it names."""
        return self.profile if isinstance(self.profile, tuple) else () if self.profile is None else (self.profile,)


@dataclass(frozen=True)
class UnreadFiles:
    """Files that are no logs to be read."""

    files: tuple[str, ...] = setting("Absolute paths or glob patterns.")
    why: str = setting("Why they are not read.")


@dataclass(frozen=True)
class Places:
    """The file ``config/discover.yaml``."""

    folders: tuple[str, ...] = setting("Folders that are looked through.")
    logs: tuple[KnownLog, ...] = setting("Known logs.")
    unread: tuple[UnreadFiles, ...] = setting("Files that are not read.")

    def log_of(self, path: str) -> KnownLog | None:
        """Return the known log that a path belongs to."""
        return next((log for log in self.logs if any(matches(path, pattern) for pattern in log.files)), None)

    def why_unread(self, path: str) -> str | None:
        """Return why a path is not read, None when it may be."""
        return next((each.why for each in self.unread if any(matches(path, p) for p in each.files)), None)


def load_places(path: Path) -> Places:
    """Return the table that a file holds; raises ConfigError."""
    return bind(load(path), Places)
