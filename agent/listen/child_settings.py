"""Settings of inputs whose lines a process prints: commands and the systemd journal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from watchbook.configfile import Node, Problem, positive, setting
from watchbook.units import Bytes, Seconds


@dataclass(frozen=True)
class CommandSettings:
    """A command whose output is read: it runs all the time, or every so often."""

    argv: tuple[str, ...] = setting(
        "The program and its arguments; no shell is between, unless it is the program: [sh, -c, '…'].",
        check=lambda argv: None if argv else "a program and its arguments",
    )
    every: Seconds | None = setting("Run it so often; without it the command runs all the time.", None, check=positive)
    restart: Seconds = setting(
        "First wait before a command that ended (or failed) is started again; it doubles.", Seconds(1.0), check=positive
    )
    restart_max: Seconds = setting("Longest wait before it is started again.", Seconds(60.0), check=positive)
    stderr: Literal["log", "lines"] = setting(
        "What is done with its standard error: the last line is shown in the status, or all are lines of the input.",
        "log",
    )
    cwd: Path | None = setting("Folder that it works in; without it the agent's.", None)
    env: Mapping[str, str] = setting("Environment variables, beside those of the agent.", default_factory=dict)
    user: str | None = setting("User that it runs as; the agent must be root for that.", None)
    timeout: Seconds | None = setting("How long a run may take; then it is ended.", None, check=positive)
    stop_timeout: Seconds = setting(
        "How long it has to end after SIGTERM; then it and all that it started are killed.",
        Seconds(3.0),
        check=positive,
    )
    max_line_bytes: Bytes = setting(
        "A line is cut at this length, marked 'truncated', and the rest of it skipped.", Bytes(1 << 20), check=positive
    )


#: What is asked for of each entry; addresses (__CURSOR, __REALTIME_TIMESTAMP) always come.
JOURNAL_FIELDS = (
    "MESSAGE",
    "MESSAGE_ID",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_FACILITY",
    "_TRANSPORT",
    "_HOSTNAME",
    "_SYSTEMD_UNIT",
    "_SYSTEMD_USER_UNIT",
    "_PID",
    "_UID",
    "_GID",
    "_COMM",
    "_EXE",
    "_CMDLINE",
    "_AUDIT_LOGINUID",
    "_AUDIT_SESSION",
    "UNIT",
    "USER_UNIT",
    "JOB_TYPE",
    "JOB_RESULT",
    "UNIT_RESULT",
    "SESSION_ID",
    "USER_ID",
    "LEADER",
    "ERRNO",
    "COREDUMP_UNIT",
    "COREDUMP_EXE",
    "COREDUMP_SIGNAL_NAME",
)


@dataclass(frozen=True)
class JournalSettings:
    """The systemd journal, read through journalctl."""

    units: tuple[str, ...] = setting("Only entries of these units (patterns may be used).", ())
    identifiers: tuple[str, ...] = setting("Only entries with these syslog identifiers.", ())
    priority: str | None = setting("Only entries of this priority or worse, or of a range: warning, or 0..4.", None)
    matches: tuple[str, ...] = setting(
        "Only entries that match, as journalctl takes it: FIELD=value, and + between alternatives.", ()
    )
    directory: Path | None = setting("Folder of journal files to read instead of this host's journal.", None)
    since: Literal["now", "boot", "all"] = setting(
        "Where to begin when the input is started for the very first time.", "boot"
    )
    lines: Literal["json", "syslog"] = setting(
        "What the profile is given: each entry as JSON (profile journal), or as a line of syslog (sshd and your own).",
        "json",
    )
    fields: tuple[str, ...] = setting("Fields that are asked for; an empty list asks for all.", JOURNAL_FIELDS)
    max_line_bytes: Bytes = setting(
        "An entry is cut at this length, marked 'truncated', and the rest of it skipped.",
        Bytes(1 << 20),
        check=positive,
    )

    def problems(self, node: Node) -> Iterator[Problem]:
        """Yield what is wrong with the settings as a whole."""
        options = node.mapping()
        for match, where in zip(self.matches, options["matches"].sequence() if self.matches else (), strict=True):
            if match != "+" and ("=" not in match or match.startswith(("-", "="))):
                yield where.problem(f"expected FIELD=value or +, found {match!r}")
        for name in ("units", "identifiers", "fields"):
            given = options[name].sequence() if name in options else []
            for value, where in zip(getattr(self, name), given, strict=False):
                if not value or ("," in value and name == "fields"):
                    yield where.problem("expected a name")
