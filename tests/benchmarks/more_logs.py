"""Lines of logfmt and of the Linux audit log, each line another."""

import random
from datetime import timedelta

from watchbook.clock import EPOCH

_PEOPLE = ("alice", "bob", "carol", "deploy", "svc-billing")
_ACTIONS = ("created", "updated", "deleted", "viewed", "exported")
_RESOURCES = ("report", "dataset", "database", "subscription")
_PROGRAMS = ("cat", "less", "vim", "tail", "grep", "rm")
_FILES = (
    "/etc/shadow",
    "/etc/ssh/sshd_config",
    "/var/log/auth.log",
    "/srv/reports/q4.csv",
    "/root/.ssh/authorized_keys",
)


class LogfmtLog:
    """Writes the log of a service in Go; the same seed and times always give the same bytes."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)

    def line(self, time_us: int) -> bytes:
        """Return one line, with its newline."""
        draw = self._random
        stamp = (EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        user, action, kind = draw.choice(_PEOPLE), draw.choice(_ACTIONS), draw.choice(_RESOURCES)
        number, failed = draw.randrange(100_000), draw.random() < 0.1
        text = (
            f'time={stamp} level={"warn" if failed else "info"} msg="{user} {action} {kind} {number}" user={user} '
            f"action={action} resource_type={kind} resource_id={kind}-{number} "
            f"status={'denied' if failed else 'success'} duration={draw.randrange(1, 900)}ms "
            f"ip=198.51.100.{draw.randrange(1, 255)} request_id={draw.getrandbits(64):016x} "
            f'user_agent="Mozilla/5.0 (X11; Linux x86_64) app/{draw.randrange(1, 9)}.{draw.randrange(20)}"\n'
        )
        return text.encode()


class AuditLog:
    """Writes the events of an audit rule on files: five records each, as auditd writes them enriched."""

    #: Records of an event.
    RECORDS = 5

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)
        self._serial = 1000

    def line(self, time_us: int) -> bytes:
        """Return the records of one event, each with its newline."""
        draw = self._random
        self._serial += 1
        head = f"msg=audit({time_us // 1_000_000}.{time_us // 1000 % 1000:03}:{self._serial}):"
        program, file, user = draw.choice(_PROGRAMS), draw.choice(_FILES), draw.choice(_PEOPLE)
        pid, failed, inode = draw.randrange(1000, 60_000), draw.random() < 0.3, draw.randrange(100_000, 999_999)
        success, code = ("no", "-13") if failed else ("yes", "3")
        typed = f"{program}\0{file}".encode().hex().upper()
        lines = (
            (
                f"type=SYSCALL {head} arch=c000003e syscall=257 success={success} exit={code} a0=ffffff9c "
                f"a1=7ffd{draw.getrandbits(32):08x} a2=0 a3=0 items=1 ppid={pid - 1} pid={pid} auid=1000 uid=1000 "
                "gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=3 "
                f'comm="{program}" exe="/usr/bin/{program}" subj=unconfined key="secrets"\x1dARCH=x86_64 '
                f'SYSCALL=openat AUID="{user}" UID="{user}" GID="{user}" EUID="{user}" SUID="{user}" FSUID="{user}" '
                f'EGID="{user}" SGID="{user}" FSGID="{user}"'
            ),
            f'type=EXECVE {head} argc=2 a0="{program}" a1="{file}"',
            f'type=CWD {head} cwd="/home/{user}"',
            (
                f'type=PATH {head} item=0 name="{file}" inode={inode} dev=fd:00 mode=0100640 ouid=0 ogid=42 rdev=00:00 '
                'nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\x1dOUID="root" OGID="shadow"'
            ),
            f"type=PROCTITLE {head} proctitle={typed}",
        )
        return "".join(f"{line}\n" for line in lines).encode()
