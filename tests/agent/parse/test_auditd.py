"""Audit records: what each kind of line becomes, and what several records of one event become together."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.parse import FORMATS
from agent.parse.auditd import _parts, _quick
from agent.records import NotAnEventError

AUDITD = FORMATS["auditd"]
ID = "msg=audit(1795269909.003:24287)"
HEAD = {"timestamp": "1795269909.003", "serial": "24287"}
SYSCALL = (
    f"type=SYSCALL {ID}: arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c items=1 pid=3538 auid=1000 uid=0 "
    'tty=pts0 ses=1 comm="cat" exe="/usr/bin/cat" subj=unconfined key="shadow"'
)
SYSCALL_VALUES = {
    "type": "SYSCALL", **HEAD, "arch": "c000003e", "syscall": "257", "success": "no", "exit": "-13", "a0": "ffffff9c",
    "items": "1", "pid": "3538", "auid": "1000", "uid": "0", "tty": "pts0", "ses": "1", "comm": "cat",
    "exe": "/usr/bin/cat", "subj": "unconfined", "key": "shadow",
}  # fmt: skip


def audit(text: str) -> dict[str, Any]:
    return AUDITD.decode(text.encode())


def body(kind: str, text: str) -> dict[str, Any]:
    """Return the values of a record without those of its head."""
    values = audit(f"type={kind} {ID}: {text}")
    assert values.pop("type") == kind
    assert {name: values.pop(name) for name in HEAD} == HEAD
    return values


def test_a_syscall_is_read() -> None:
    assert audit(SYSCALL) == SYSCALL_VALUES


@pytest.mark.parametrize("mark", ["\x1d", ""])
def test_what_the_daemon_resolved_stands_beside_it_also_when_its_mark_was_lost(mark: str) -> None:
    resolved = {"ARCH": "x86_64", "SYSCALL": "openat", "AUID": "alice", "UID": "root"}
    assert audit(f'{SYSCALL}{mark}ARCH=x86_64 SYSCALL=openat AUID="alice" UID="root"') == SYSCALL_VALUES | resolved
    login = f'old-auid=4294967295 auid=0 tty=(none) res=1{mark}UID="root" OLD-AUID="unset"'
    assert body("LOGIN", login) == {
        "old-auid": "4294967295", "auid": "0", "res": "1", "UID": "root", "OLD-AUID": "unset",
    }  # fmt: skip


def test_what_a_program_says_stands_beside_what_the_kernel_says() -> None:
    said = 'op=PAM:authentication grantors=? acct="root" exe="/usr/sbin/sshd" hostname=? addr=192.0.2.7 res=failed'
    expected = {
        "pid": "9", "uid": "0", "op": "PAM:authentication", "acct": "root", "exe": "/usr/sbin/sshd",
        "addr": "192.0.2.7", "res": "failed",
    }  # fmt: skip
    assert body("USER_AUTH", f"pid=9 uid=0 msg='{said}'") == expected
    assert body("USER_AUTH", f"pid=9 uid=0 msg='{said}'\x1dUID=\"root\"") == {**expected, "UID": "root"}
    assert body("USER_AUTH", "pid=9 uid=0 msg='pid=10 uid=0 res=success'") == {
        "pid": "9", "uid": "0", "msg_pid": "10", "res": "success",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        ("PROCTITLE", "proctitle=636174002F6574632F736861646F7700", {"proctitle": "cat /etc/shadow"}),
        ("PROCTITLE", 'proctitle="bash"', {"proctitle": "bash"}),
        ("CWD", "cwd=2F686F6D652F616C69636520626F78", {"cwd": "/home/alice box"}),
        ("PATH", "item=0 name=2F746D702FE282AC inode=12", {"item": "0", "name": "/tmp/€", "inode": "12"}),
        ("PATH", "item=0 name=(null) inode=12", {"item": "0", "inode": "12"}),
        ("USER_CMD", "uid=1 msg='cmd=6C73202D6C res=success'", {"uid": "1", "cmd": "ls -l", "res": "success"}),
        ("USER_LOGIN", "msg='acct=28756E6B6E6F776E207573657229'", {"acct": "(unknown user)"}),
        ("TTY", "tty=pts0 data=6C730D", {"tty": "pts0", "data": "ls\r"}),
        ("SYSCALL", "a0=1000 key=6B31016B32", {"a0": "1000", "key": "k1, k2"}),
        # Not what anybody wrote in hexadecimal: no UTF-8, a control character, digits that are a number.
        ("PATH", "name=FFFE", {"name": "FFFE"}),
        ("USER_LOGIN", "acct=1000", {"acct": "1000"}),
        ("PATH", "name=abc inode=1234", {"name": "abc", "inode": "1234"}),
    ],
)
def test_what_people_typed_is_decoded(kind: str, text: str, values: dict[str, str]) -> None:
    assert body(kind, text) == values


def test_the_arguments_of_a_program_make_a_command_line() -> None:
    assert body("EXECVE", 'argc=3 a0="tar" a1=2D66206120 a2="x"') == {
        "argc": "3", "a0": "tar", "a1": "-f a ", "a2": "x", "command": "tar -f a  x",
    }  # fmt: skip
    pieces = body("EXECVE", 'argc=2 a0="sh" a1_len=8 a1[0]="long" a1[1]="word"')
    assert pieces["command"] == "sh longword"


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        (
            "AVC",
            'avc:  denied  { read write } for  pid=9 comm="nginx" tclass=file permissive=0',
            {
                "seresult": "denied", "seperms": ["read", "write"], "pid": "9", "comm": "nginx", "tclass": "file",
                "permissive": "0",
            },
        ),
        ("AVC", 'apparmor="DENIED" operation="open" pid=1', {"apparmor": "DENIED", "operation": "open", "pid": "1"}),
        ("ADD_USER", "msg='op=adding user acct=\"bob\" res=1'", {"op": "adding user", "acct": "bob", "res": "1"}),
        ("DAEMON_START", "auditd start, ver=2.2 res=1", {"text": "auditd start,", "ver": "2.2", "res": "1"}),
        ("LOGIN", "login pid=2 old auid=1 new auid=0", {"text": "login", "pid": "2", "old-auid": "1", "auid": "0"}),
        (
            "USER_START",
            'user pid=2 msg=\'PAM: open acct="root" : exe="/x" (hostname=?, addr=192.0.2.7, res=success)\'',
            {
                "text": "user",
                "pid": "2",
                "msg_text": "PAM: open :",
                "acct": "root",
                "exe": "/x",
                "addr": "192.0.2.7",
                "res": "success",
            },
        ),
        (
            "SOCKADDR",
            "saddr=0200\x1dSADDR={ saddr_fam=inet laddr=192.0.2.7 lport=53 }",
            {"saddr": "0200", "SADDR": {"saddr_fam": "inet", "laddr": "192.0.2.7", "lport": "53"}},
        ),
        (
            "USER_AVC",
            "msg='avc:  received policyload notice (seqno=2) exe=\"x\"'",
            {"text": "avc: received policyload notice", "exe": "x", "(seqno": "2)"},
        ),
        ("USER", "msg='", {"msg": "", "text": "'"}),
        ("CONFIG_CHANGE", "", {}),
    ],
)  # fmt: skip
def test_odd_records_are_read_and_nothing_of_them_is_lost(kind: str, text: str, values: dict[str, Any]) -> None:
    assert body(kind, text) == values


def test_a_node_and_the_kernels_own_form_are_read() -> None:
    assert audit(f'node=web1 type=CWD {ID}: cwd="/"') == {"type": "CWD", **HEAD, "node": "web1", "cwd": "/"}
    assert audit("type=1400 audit(1795269909.003:24287): pid=1") == {"type": "1400", **HEAD, "pid": "1"}


def test_the_records_of_an_event_become_one() -> None:
    lines = [
        f'type=AVC {ID}: avc:  denied  {{ read }} for  pid=3538 comm="cat"',
        SYSCALL,
        f'type=EXECVE {ID}: argc=2 a0="cat" a1="/etc/shadow"',
        f'type=CWD {ID}: cwd="/root"',
        f'type=PATH {ID}: item=0 name="/etc/shadow"',
        f"type=EOE {ID}:",
    ]
    assert audit("\n".join(lines) + "\n") == SYSCALL_VALUES | {
        "command": "cat /etc/shadow",
        "records": [
            {"type": "AVC", "seresult": "denied", "seperms": ["read"], "pid": "3538", "comm": "cat"},
            {"type": "EXECVE", "argc": "2", "a0": "cat", "a1": "/etc/shadow"},
            {"type": "CWD", "cwd": "/root"},
            {"type": "PATH", "item": "0", "name": "/etc/shadow"},
        ],
    }


@pytest.mark.parametrize("text", [f"type=EOE {ID}:", f"type=EOE {ID}: \n", f"type=EOE {ID}: \ntype=EOE {ID}:"])
def test_the_end_of_an_event_is_none(text: str) -> None:
    with pytest.raises(NotAnEventError):
        audit(text)


def test_without_a_syscall_the_record_that_says_what_happened_is_the_main_one() -> None:
    assert audit(f'type=PROCTITLE {ID}: proctitle="x"\ntype=SECCOMP {ID}: sig=31') == {
        "type": "SECCOMP", **HEAD, "sig": "31", "records": [{"type": "PROCTITLE", "proctitle": "x"}],
    }  # fmt: skip
    assert audit(f"{SYSCALL}\ntype=EOE {ID}: ") == SYSCALL_VALUES


def test_a_record_of_another_event_among_them_keeps_its_serial() -> None:
    other = 'type=CWD msg=audit(1795269909.003:1): cwd="/"'
    assert audit(f"{SYSCALL}\n{other}")["records"] == [{"type": "CWD", "serial": "1", "cwd": "/"}]


@pytest.mark.parametrize("text", ["hello", "type=SYSCALL pid=1", "", f'type=CWD {ID}: cwd="/"\nhello'])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no audit record: expected 'type=… msg=audit"):
        audit(text)


WORDS = st.sampled_from(
    ["a0=1", 'key="x y"', "key=(null)", "addr=?", "name=2F20", "bare", "op=x", "msg='cmd=6C73 a0=2'", "{", "'", "UID=0"]
)


@given(st.lists(WORDS, min_size=1, max_size=6))
def test_the_quick_way_and_the_other_agree(words: list[str]) -> None:
    text = " ".join(words)
    quick = _quick(text, "USER_CMD")
    if quick is not None:
        assert quick == _parts(text, "USER_CMD", {})


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), st.from_regex(r"[a-z0-9:/.-]{1,9}", fullmatch=True))
)
def test_every_value_is_kept(values: dict[str, str]) -> None:
    text = " ".join(f"{name}={value}" for name, value in values.items())
    found = audit(f"type=USER {ID}: {text}")
    for name, value in values.items():
        assert found.get(f"msg_{name}" if name in ("type", "timestamp", "serial", "node") else name) == value


def test_a_record_that_says_more_than_its_call_is_the_main_one_and_takes_who_called() -> None:
    head = "msg=audit(1795269940.632:5846):"
    lines = (
        f'type=SYSCALL {head} arch=c000003e syscall=46 success=yes auid=1000 uid=0 ses=1 pid=99 exe="/usr/sbin/nft"\n'
        f"type=NETFILTER_CFG {head} table=filter family=2 auid=1000 pid=98\n"
    )
    values = audit(lines)
    assert values["type"] == "NETFILTER_CFG"
    assert (values["table"], values["auid"], values["ses"], values["success"]) == ("filter", "1000", "1", "yes")
    assert values["pid"] == "98"
    assert values["records"] == [{"type": "SYSCALL", "arch": "c000003e", "syscall": "46", "pid": "99"}]


#: Values that decide how a body is read, and some that do not.
STRANGE = (
    "?", "(null)", '"(none)"', '"?"', "3F", "2F62696E", "", '""', '"a b"', "'x'", "{a b}", "UID=5", '"UID=5"', '"x=y"',
    'a"b', '"a', "(hostname=x", "a\\b", "\x1d", "a\x1db", "?x", '"x?"', "(x)", "é", "\xa0", "msg=", "2", "0",
)  # fmt: skip
SHAPES = (
    SYSCALL.replace('key="shadow"', 'key=(null)\x1dARCH=x86_64 SYSCALL=openat AUID="bob"'),
    f'type=EXECVE {ID}: argc=2 a0="cat" a1=2F62696E',
    f'type=PROCTITLE {ID}: proctitle=636174002F6574632F736861646F77',
    f"type=USER_LOGIN {ID}: pid=1 uid=0 msg='op=login id=5 exe=\"/bin/sshd\" hostname=? addr=10.0.0.1 res=success'",
    f"type=LOGIN {ID}: login pid=1 uid=0 old auid=1 new auid=2 old ses=3 new ses=4",
    f"type=USER_START {ID}: pid=1 auid=1 msg='PAM: session open acct=\"root\" : exe=\"/x\" (hostname=h, addr=a)'",
)  # fmt: skip


@given(st.sampled_from(SHAPES), st.lists(st.tuples(st.integers(0, 40), st.sampled_from(STRANGE)), max_size=3))
def test_a_learnt_shape_gives_what_the_careful_way_gives(line: str, changes: list[tuple[int, str]]) -> None:
    for _ in range(6):
        audit(line)
    for place, value in changes:
        places = list(re.finditer(r"""(?<==)(?:"[^"]*"|[^\s"'\x1d]*)""", line))[2:]
        found = places[place % len(places)]
        line = line[: found.start()] + value + line[found.end() :]
    careful = audit(f"node=h {line}")  # a record that names its node is never read by its shape
    assert careful.pop("node") == "h"
    for _ in range(6):
        values = audit(line)
        assert [*values.items()] == [*careful.items()]
