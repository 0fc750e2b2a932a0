"""The settings of syslog: every mistake is named with its place, and ``check`` says whether it can work here."""

import errno
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.config import load_settings
from agent.listen.syslog.address import parse_address
from agent.listen.syslog.listener import advice_on_buffer
from agent.listen.syslog.sockets import CannotListenError
from tests.stand import free_port
from watchbook.cli import cli
from watchbook.configfile import ConfigError

HEAD = (
    "collector: {url: 'http://127.0.0.1:9', token: x}\nstate: STATE\ninputs:\n  - name: network\n    profile: syslog\n"
)


def written(folder: Path, syslog: str) -> Path:
    path = folder / "agent.yaml"
    path.write_text(HEAD.replace("STATE", str(folder / "state")) + f"    syslog:\n      {syslog}\n")
    return path


@pytest.mark.parametrize(
    "text", ["udp://0.0.0.0:514", "tcp://[::]:6514", "unix:///run/a b.sock", "unix+stream:///dev/log", "udp://[::1]:1"]
)
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_address(text)) == text


def test_a_sender_is_named_without_its_port() -> None:
    assert parse_address("udp://[::]:514").sender("::ffff:10.1.2.3") == "udp://10.1.2.3"
    assert parse_address("tcp://[::]:514").sender("2001:db8::1") == "tcp://[2001:db8::1]"
    assert parse_address("unix+stream:///dev/log").sender("") == "unix:///dev/log"


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("0.0.0.0:514", "expected udp://ADDRESS:PORT, tcp://ADDRESS:PORT, unix:///PATH (datagrams) or"),
        ("http://0.0.0.0:514", "expected udp://ADDRESS:PORT"),
        ("udp://0.0.0.0", "expected a port from 1 to 65535 at the end, as in udp://0.0.0.0:514"),
        ("udp://0.0.0.0:0", "expected a port from 1 to 65535"),
        ("tcp://0.0.0.0:99999999999999999999", "expected a port from 1 to 65535"),
        ("udp://localhost:514", "expected an IP address of this host, 0.0.0.0 for all of IPv4 or [::] for all"),
        ("udp://:514", "expected an IP address"),
        ("unix://run/log", "expected the absolute path of a socket"),
        ("unix:///run/", "expected the absolute path of a socket"),
        (f"unix:///{'x' * 107}", "expected a path of at most 107 bytes, found 108"),
    ],
)
def test_a_wrong_address_is_named_with_its_place(tmp_path: Path, address: str, complaint: str) -> None:
    path = written(tmp_path, f"listen: [udp://0.0.0.0:5514, '{address}']")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{path}:7:36: 'inputs[0].syslog.listen[1]': {complaint}")
    assert address[:20] in problem.text


@pytest.mark.parametrize(
    ("syslog", "complaint"),
    [
        ("listen: []", "'inputs[0].syslog.listen': expected at least one address"),
        ("listen: [udp://[::1]:5, 'udp://[::1]:5']", "udp://[::1]:5 is given twice; keep one of them"),
        ("listen: [unix:///a]\n      socket_mode: rw", "'inputs[0].syslog.socket_mode': expected the mode of a file"),
        ("listen: [unix:///a]\n      message_bytes_max: 100", "expected 480B (which every receiver must take"),
        ("listen: [unix:///a]\n      connections_max: 0", "expected a value above zero"),
        ("listenn: []", "did you mean 'listen'?"),
        ("listen: [unix:///a]\n    files: [/a]", "expected one source, found 'files' too"),
    ],
)
def test_every_other_mistake_is_named_too(tmp_path: Path, syslog: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(written(tmp_path, syslog.replace("[udp://[::1]:5,", "['udp://[::1]:5',")))
    assert complaint in str(caught.value)


def checked(path: Path) -> str:
    return CliRunner().invoke(cli, ["agent", "check", "--config", str(path)]).output


def test_check_says_what_can_be_listened_on_and_leaves_nothing_behind(tmp_path: Path) -> None:
    port, sock = free_port(), tmp_path / "log"
    output = checked(written(tmp_path, f"listen: [udp://127.0.0.1:{port}, tcp://127.0.0.1:{port}, unix://{sock}]"))
    for address in (f"udp://127.0.0.1:{port}", f"tcp://127.0.0.1:{port}", f"unix://{sock}"):
        assert f"ok     input network: {address} can be listened on" in output
    assert not sock.exists()


def test_check_says_what_cannot_be_listened_on_and_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        path = written(tmp_path, f"listen: [tcp://127.0.0.1:{port}, unix://{tmp_path}/none/log]")
        output = checked(path)
    assert f"WRONG  input network: cannot listen on tcp://127.0.0.1:{port}: another program listens there" in output
    assert f"unix://{tmp_path}/none/log: the folder {tmp_path}/none is not there; create it" in output


def test_check_finds_two_inputs_with_one_address(tmp_path: Path) -> None:
    address = f"udp://127.0.0.1:{free_port()}"
    path = written(tmp_path, f"listen: ['{address}']")
    path.write_text(path.read_text() + f"  - name: again\n    profile: syslog\n    syslog: {{listen: ['{address}']}}\n")
    output = checked(path)
    assert f"ok     input network: {address} can be listened on" in output
    assert f"WRONG  input again: cannot listen on {address}: another program listens there" in output


def test_a_port_that_needs_a_right_says_which() -> None:
    refused = CannotListenError(parse_address("udp://0.0.0.0:514"), PermissionError(errno.EACCES, "Permission denied"))
    assert "no right to the port 514; give it the capability CAP_NET_BIND_SERVICE" in str(refused)
    assert "or choose a port from 1024 on" in str(refused)
    made = CannotListenError(parse_address("unix:///dev/log"), PermissionError(errno.EACCES, "Permission denied"))
    assert "give it a folder that it may write to" in str(made)


def test_a_kernel_that_keeps_less_says_how_it_keeps_more() -> None:
    assert advice_on_buffer(212992, 8 << 20) == (
        "the kernel keeps only 208KiB of the 8MiB asked for; allow more: sysctl -w net.core.rmem_max=8388608"
    )
