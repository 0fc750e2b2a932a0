r"""The Linux audit log: a record, or all records of one event (lines of one serial number).

``type=SYSCALL msg=audit(1795269909.003:24287): arch=c000003e success=no exe="/usr/bin/cat" key=(null)``, with ``node=``
before it where the daemon writes that, and behind a ``\x1d`` what the daemon resolved (``UID="root" SYSCALL=openat``).
The kernel's own form, ``type=1400 audit(1795269909.003:24287): …``, is read too.

Values stay texts.  ``type``, ``timestamp`` (seconds, with a fraction), ``serial`` and ``node`` are the record's head.
What is inside ``msg='…'`` stands beside the rest; where a name is taken there, as ``msg_NAME``.  Words that are no
assignment are gathered in ``text``; of an SELinux decision they are ``seresult`` and ``seperms``.  ``?``, ``(null)``
and ``(none)`` are no values.  What people may have typed is decoded where it is in hexadecimal.  ``command`` is the
command line that the arguments of an EXECVE record make.

Of several records the one that says what happened is the main one; the others are listed in ``records``.  EOE says only
that the event is at its end; it is left out, and by itself no event.
"""

import re
from contextlib import suppress
from typing import Any, Final

from agent.parse.assignments import Assignments, add_value
from agent.parse.audit_bodies import HEAD, Bodies, names_nothing
from agent.parse.format import text_format
from agent.parse.hexadecimal import decode_value, is_argument, is_encoded
from agent.records import NotAnEventError

_HEAD: Final = re.compile(r"\s*(?:node=(\S+) )?type=(\S+) (?:msg=)?audit\(([^)]+):([0-9]+)\) ?:\s*")
#: Records that go with one that says what happened.
_COMPANIONS: Final = frozenset(
    {
        "CWD", "PATH", "PROCTITLE", "EXECVE", "SOCKADDR", "SOCKETCALL", "FD_PAIR", "IPC", "IPC_SET_PERM", "MMAP",
        "BPRM_FCAPS", "CAPSET", "MQ_OPEN", "MQ_SENDRECV", "MQ_NOTIFY", "MQ_GETSETATTR", "OBJ_PID", "KERN_MODULE",
        "OPENAT2", "TIME_INJOFFSET", "TIME_ADJNTPVAL", "URINGOP", "UNKNOWN",
    }
)  # fmt: skip
#: Records of the kernel that say more of what happened than the system call that they came of.
_ABOVE_CALLS: Final = frozenset(
    {
        "CONFIG_CHANGE", "FEATURE_CHANGE", "MAC_STATUS", "MAC_POLICY_LOAD", "MAC_CONFIG_CHANGE", "MAC_IPSEC_EVENT",
        "MAC_UNLBL_ALLOW", "MAC_UNLBL_STCADD", "MAC_UNLBL_STCDEL", "MAC_CIPSOV4_ADD", "MAC_CIPSOV4_DEL", "MAC_MAP_ADD",
        "MAC_MAP_DEL", "NETFILTER_CFG", "ANOM_PROMISCUOUS", "ANOM_LINK", "ANOM_CREAT", "LOGIN", "BPF", "EVENT_LISTENER",
        "INTEGRITY_DATA", "INTEGRITY_METADATA", "INTEGRITY_STATUS", "INTEGRITY_HASH", "INTEGRITY_RULE",
    }
)  # fmt: skip
#: Who called, and how it ended: taken from the system call where the record above it does not say.
_OF_CALLS: Final = (
    "success", "exit", "pid", "auid", "uid", "euid", "ses", "tty", "comm", "exe", "subj", "AUID", "UID", "EUID",
)  # fmt: skip
#: What the head of a record says besides its type.
_HEAD_NAMES: Final = ("timestamp", "serial", "node")
_ABSENT: Final = frozenset({"?", "(null)", "(none)"})
_ENRICHED: Final = re.compile(
    r"(?<=[a-z0-9)\"'}])(?=(?:ARCH|SYSCALL|SADDR|(?:[A-Z]+-)?[A-Z]{0,4}UID|[A-Z]{0,4}GID|ID)=)"
)
# PAM before 1.0: msg='PAM: session open acct="root" : exe="/x" (hostname=?, addr=?, terminal=cron res=success)'
_OLD_PAM: Final = re.compile(r"\((hostname=[^)']*)\)")
#: Kernels before 3.13 say in words which login is the old one.
_OLD_LOGIN: Final = (("old auid=", "old-auid="), ("new auid=", "auid="), ("old ses=", "old-ses="), ("new ses=", "ses="))
_DECISION: Final = re.compile(r"avc: +(denied|granted) +\{([^}]*)\} +for +")
_WORD: Final = re.compile(r"""([^\s="']++)=(?:"([^"]*+)"|'([^']*+)'|(\{[^}]*+\})|([^\s"']*+))|(\S+)""")

_read_record: Final = Assignments(is_encoded, decode_value).read
_read_arguments: Final = Assignments(is_argument, decode_value).read


def read(text: str) -> dict[str, Any]:
    """Return the values of a record or of several; raises ValueError with the reason."""
    if "\n" in text:
        return _together(_records([line for line in text.split("\n") if line and not line.isspace()]))
    values = _record(text)
    if values["type"] == "EOE":
        raise NotAnEventError("end")
    return values


def _records(lines: list[str]) -> list[dict[str, Any]]:
    """Return the values of records; only the first says the time and serial of those that have the same."""
    first, *others = lines or [""]
    records = [_record(first)]
    kind, mark, _ = first.partition(" msg=audit(")
    head = f"{mark}{first[len(kind) + len(mark) :].partition('): ')[0]}): " if mark and kind[:5] == "type=" else None
    for line in others:
        kind, same, body = line.partition(head) if head is not None else ("", "", "")
        if same and kind[:5] == "type=" and " " not in kind:
            records.append(_values((kind[5:],), body.strip()))
            continue
        record = _record(line)
        for name in _HEAD_NAMES:
            if record.get(name) == records[0].get(name):
                record.pop(name, None)
        records.append(record)
    return records


def _together(records: list[dict[str, Any]]) -> dict[str, Any]:
    head: dict[str, Any] = {name: records[0].pop(name) for name in _HEAD_NAMES if name in records[0]}
    types = [record["type"] for record in records]
    if "EOE" in types:
        records = [record for record in records if record["type"] != "EOE"]
        types = [record["type"] for record in records]
        if not records:
            raise NotAnEventError("end")
    if "SYSCALL" in types:
        place = next((place for place, kind in enumerate(types) if kind in _ABOVE_CALLS), types.index("SYSCALL"))
    else:
        place = next((place for place, kind in enumerate(types) if kind not in _COMPANIONS), 0)
    main = records.pop(place)
    if main["type"] in _ABOVE_CALLS and "SYSCALL" in types:
        call = next(record for record in records if record["type"] == "SYSCALL")
        for name in _OF_CALLS:
            if name in call and main.get(name, call[name]) == call[name]:
                main[name] = call.pop(name)
    if "EXECVE" in types:
        for record in records:
            if "command" in record:
                main.setdefault("command", record.pop("command"))
    main.update(head)
    if records:
        main["records"] = records
    return main


def _record(line: str) -> dict[str, Any]:
    head = _HEAD.match(line)
    if head is None:
        raise ValueError("is no audit record: expected 'type=… msg=audit(TIME:SERIAL):' at its start")
    node, kind, timestamp, serial = head.groups()
    return _values((kind, timestamp, serial), line[head.end() :].rstrip(), node)


def _values(head: tuple[str, ...], body: str, node: str | None = None) -> dict[str, Any]:
    """Return the values of a record's head (those of HEAD that it says, in order) and of its body."""
    if node is None:
        learnt = _bodies.read(body, head)
        if learnt is not None:
            return learnt
    kind = head[0]
    values: dict[str, Any] = dict(zip(HEAD, head, strict=False))
    if node is not None:
        values["node"] = node
    given = body
    if "(hostname=" in body:
        body = _OLD_PAM.sub(lambda found: found[1].replace(", ", " "), body)
    elif kind == "LOGIN":
        for words, name in _OLD_LOGIN:
            body = body.replace(words, name)
    rest = _quick(body, kind) if body else {}
    if rest is None or not values.keys().isdisjoint(rest):
        rest = _parts(body, kind, values)
    elif rest and body == given:
        _bodies.learn(kind, body)
    values.update(rest)
    if kind == "EXECVE":
        _add_command(values)
    return values


def _read_carefully(kind: str, body: str) -> dict[str, Any] | None:
    """Return the values of a body that is in order, None for any other: what a learnt shape must give too."""
    values = _quick(body, kind)
    if values is not None and kind == "EXECVE":
        _add_command(values)
    return values


def _quick(body: str, kind: str) -> dict[str, Any] | None:
    """Return the values of a body in order; None for any other."""
    if "\x1d" in body:
        body = body.replace("\x1d", " ", 1)
    elif "UID=" in body:  # its mark is lost where people copy it
        return None
    if " msg='" in body:
        before, _, behind = body.partition(" msg='")
        inner, end, after = behind.rpartition("'")
        if not end or "'" in inner:
            return None
        body = f"{before} {inner}{after}" if after[:1] == " " or not after else f"{before} {inner} {after}"
    elif "{" in body or "'" in body:
        return None
    values = _read_arguments(body) if kind == "EXECVE" else _read_record(body)
    if values is not None and names_nothing(body):
        return {name: value for name, value in values.items() if value not in _ABSENT}
    return values


def _add_command(values: dict[str, Any]) -> None:
    command = _command(values)
    if command:
        values["command"] = command


def _command(values: dict[str, Any]) -> str:
    """Return the arguments of an EXECVE record as one line; a long one comes in pieces: ``a1[0]``, ``a1[1]``."""
    argc = values.get("argc", "")
    if argc.isdecimal() and len(argc) < 3:
        with suppress(KeyError, TypeError):  # in pieces, or twice
            return " ".join([values[f"a{number}"] for number in range(int(argc))])
    words: list[str] = []
    for name, value in values.items():
        place = name[1:].partition("[")
        if name[0] != "a" or not place[0].isdecimal() or not isinstance(value, str):
            continue
        if place[1] and place[2] != "0]" and words:
            words[-1] += value
        else:
            words.append(value)
    return " ".join(words)


def _parts(body: str, kind: str, head: dict[str, Any]) -> dict[str, Any]:
    """Return the values of any body, word by word."""
    values: dict[str, Any] = {}
    if decision := _DECISION.match(body):
        values["seresult"] = decision[1]
        values["seperms"] = decision[2].split()
        body = body[decision.end() :]
    if "\x1d" not in body:
        body = _ENRICHED.sub(" ", body)
    _add_words(values, body.replace("\x1d", " "), kind, dict(head))
    return {name: value for name, value in values.items() if not isinstance(value, str) or value not in _ABSENT}


def _add_words(values: dict[str, Any], text: str, kind: str, taken: dict[str, Any], prefix: str = "") -> None:
    last = ""
    for found in _WORD.finditer(text):
        name, quoted, inner, braced, plain, word = found.groups()
        if word is not None:
            if last == "op" and isinstance(values.get(f"{prefix}op"), str):  # op=adding user acct="bob"
                values[f"{prefix}op"] += f" {word}"
            else:
                values["text"] = f"{values['text']} {word}" if "text" in values else word
            continue
        last = name if plain is not None else ""
        if inner is not None and name == "msg":
            within: dict[str, Any] = {}
            _add_words(within, inner, kind, {})
            for each, value in within.items():
                if values.get(each) != value:
                    is_free = each not in values and each not in taken
                    add_value(values, each if is_free else f"msg_{each}", value)
            continue
        if braced is not None:
            members: dict[str, Any] = {}
            _add_words(members, braced[1:-1], kind, {})
            found_value: Any = members
        elif plain is not None:
            found_value = _decoded(name, plain, kind)
        else:
            found_value = quoted if quoted is not None else inner
        if name in taken:
            name = f"msg_{name}"
        if values.get(name) != found_value:
            add_value(values, name, found_value)


def _decoded(name: str, value: str, kind: str) -> str:
    return decode_value(name, value) if _encodes(kind, name) else value


def _encodes(kind: str, name: str) -> bool:
    return is_argument(name) if kind == "EXECVE" else is_encoded(name)


_bodies: Final = Bodies(_read_carefully, _encodes, decode_value, _ABSENT)

AUDITD: Final = text_format("auditd", None, read)
