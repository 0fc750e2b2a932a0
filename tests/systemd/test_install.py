"""Installing, upgrading and taking away, on a host of its own, with the real programs run from where they were put."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.stand import wait_for
from tests.systemd.host import Host, why_not

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(400)]

PLACES = "/opt/watchbook /etc/watchbook /var/lib/watchbook /usr/local/bin/watchbook /etc/sysusers.d/watchbook* \
/etc/systemd/system/watchbook*"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that may be changed."""
    copy = tmp_path_factory.mktemp("install") / "checkout"
    copy.mkdir()
    for name in ("agent", "collector", "watchbook", "config", "rules", "systemd"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "Makefile"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    if reason := why_not():
        pytest.skip(reason)
    made = Host(tmp_path_factory.mktemp("host"))
    assert made.is_up
    yield made
    made.close()


def said(host: Host, script: str, checkout: Path, code: int = 0, **environment: str) -> str:
    done = host.run(script, cwd=checkout, **environment)
    assert done.returncode == code, f"{script}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def there(host: Host) -> list[str]:
    return host.run(f"ls -d {PLACES} 2>/dev/null; getent passwd | grep -o '^watchbook[^:]*'").stdout.split()


def test_the_life_of_an_installation(host: Host, checkout: Path) -> None:
    before = there(host)
    if before:
        pytest.skip(f"Watchbook is installed on this host: {before}")
    said(host, "make install ROLE=both DRY_RUN=1", checkout)
    assert there(host) == []

    said(host, "systemd/install.sh install", checkout, ROLE="both")
    files = "/etc/watchbook/*.yaml /var/lib/watchbook/* /opt/watchbook /etc/systemd/system/watchbook*"
    modes = said(host, f"stat -c '%a %U:%G %n' {files}", checkout)
    assert modes.splitlines() == [
        "640 root:watchbook-agent /etc/watchbook/agent.yaml",
        "640 root:watchbook-collector /etc/watchbook/collector.yaml",
        "700 watchbook-agent:watchbook-agent /var/lib/watchbook/agent",
        "700 watchbook-collector:watchbook-collector /var/lib/watchbook/collector",
        "755 root:root /opt/watchbook",
        "644 root:root /etc/systemd/system/watchbook-agent.service",
        "644 root:root /etc/systemd/system/watchbook-collector.service",
    ]
    strange = "find /opt/watchbook ! -type l \\( ! -user root -o -perm /022 \\)"
    assert said(host, strange, checkout) == ""

    programs_run_as_their_users(host, checkout)
    upgrades_change_nothing_when_they_fail(host, checkout)
    it_goes_as_it_came(host, checkout)


def programs_run_as_their_users(host: Host, checkout: Path) -> None:
    """An event goes from a log to the collector, each program as its user and with the command of its unit."""
    collector = "runuser -u watchbook-collector -- watchbook collector"
    token = said(host, f"{collector} token create --name web01 --scope ingest", checkout).strip()
    port = said(host, "sed -n 's/^listen: //p' /etc/watchbook/collector.yaml", checkout).strip()
    assert "is free" in said(host, f"{collector} check", checkout), port
    said(host, f"install -m 0600 -o watchbook-agent /dev/stdin /etc/watchbook/agent.token <<< '{token}'", checkout)
    said(host, "mkdir /var/lib/app && sed -i 's|/var/log/app/|/var/lib/app/|' /etc/watchbook/agent.yaml", checkout)
    said(host, "cp config/samples/app.jsonl /var/lib/app/app.log && chmod 644 /var/lib/app/app.log", checkout)
    assert "was not asked" in said(host, "runuser -u watchbook-agent -- watchbook agent check --offline", checkout)
    running = []
    try:
        for program in ("collector", "agent"):
            unit = (checkout / "systemd" / f"watchbook-{program}.service").read_text()
            (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
            words = ["setpriv", f"--reuid=watchbook-{program}", f"--regid=watchbook-{program}", "--init-groups"]
            running.append(subprocess.Popen(host.command(*words, *command.split()), stderr=subprocess.DEVNULL))
        status = "watchbook agent status --json"
        wait_for("the events to be stored", lambda: sent(host.run(status).stdout) > 0, 60, lambda: host.run(status))
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(60)
    assert [process.returncode for process in running] == [0, 0]


def sent(status: str) -> int:
    """Return how many events the collector has taken, by the report of the agent."""
    return int(json.loads(status)["agent"].get("ship", {}).get("events", 0)) if status.startswith("{") else 0


def upgrades_change_nothing_when_they_fail(host: Host, checkout: Path) -> None:
    current = said(host, "readlink /opt/watchbook/current", checkout)
    edited = said(host, "cat /etc/watchbook/agent.yaml", checkout)
    again = said(host, "systemd/install.sh install", checkout, ROLE="both")
    assert "building" not in again
    assert "file:" not in again

    version = checkout / "watchbook" / "__init__.py"
    whole = version.read_text()
    version.write_text(whole.replace("0.1.0", "0.2.0"))
    config = checkout / "config" / "agent.yaml"
    config.write_text(config.read_text() + "# A word of the next version.\n")
    assert "nothing was changed" in said(
        host, "systemd/install.sh install", checkout, 1, ROLE="both", PIP_NO_INDEX="1", PIP_FIND_LINKS="/nowhere"
    )
    assert said(host, "readlink /opt/watchbook/current; ls /opt/watchbook/versions", checkout).count("0.2.0") == 0
    said(host, "watchbook --version", checkout)

    said(host, "echo 'wrong: 1' >> /etc/watchbook/agent.yaml", checkout)
    refused = said(host, "systemd/install.sh install", checkout, 1, ROLE="agent")
    assert "does not take /etc/watchbook/agent.yaml" in refused
    assert said(host, "readlink /opt/watchbook/current", checkout) == current

    said(host, "sed -i '/^wrong: 1$/d' /etc/watchbook/agent.yaml", checkout)
    said(host, "systemd/install.sh install", checkout, ROLE="agent")
    assert "0.2.0" in said(host, "watchbook --version", checkout)
    assert said(host, "readlink /opt/watchbook/previous", checkout) == current
    assert said(host, "cat /etc/watchbook/agent.yaml", checkout) == edited
    assert said(host, "cat /etc/watchbook/agent.yaml.new", checkout) == config.read_text()


def it_goes_as_it_came(host: Host, checkout: Path) -> None:
    assert "kept: the programs" in said(host, "systemd/install.sh uninstall", checkout, ROLE="agent")
    said(host, "watchbook --version", checkout)
    kept = said(host, "make uninstall", checkout)
    assert "kept: /etc/watchbook/agent.yaml" in kept
    assert "kept: /var/lib/watchbook/collector" in kept
    assert "/opt/watchbook" not in there(host)
    assert "/etc/watchbook" in there(host)
    said(host, "make uninstall PURGE=1", checkout)
    assert there(host) == []


def test_a_folder_for_packagers_holds_everything_under_its_names(tmp_path: Path, checkout: Path) -> None:
    words = ["make", "install", "ROLE=agent", f"DESTDIR={tmp_path}"]
    done = subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    programs = tmp_path / "opt" / "watchbook" / "current"
    shebang = (programs / "bin" / "watchbook").read_text().splitlines()[0]
    assert re.fullmatch(r"#!/opt/watchbook/versions/[\w.-]+/bin/python\S*", shebang)
    scripts = [path for path in (programs / "bin").iterdir() if path.is_file() and not path.is_symlink()]
    assert [path for path in scripts if str(tmp_path).encode() in path.read_bytes()] == []
    words = [str(programs / "bin" / "python"), "-I", "-m", "watchbook", "agent", "--help"]
    assert b"Run and look at the agent" in subprocess.run(words, check=True, capture_output=True).stdout
    assert not list(programs.glob("lib/*/site-packages/duckdb")), "the agent's host needs only its own extra"
    for name in ("etc/watchbook/agent.yaml", "etc/systemd/system/watchbook-agent.service"):
        assert (tmp_path / name).is_file()
    subprocess.run(
        ["make", "uninstall", f"DESTDIR={tmp_path}", "PURGE=1"], cwd=checkout, check=True, capture_output=True
    )
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "ROLE=agent, ROLE=collector or ROLE=both"),
        ({"ROLE": "server"}, "ROLE: expected agent, collector or both, found 'server'"),
        ({"ROLE": "agent", "PREFIX": "/"}, "PREFIX: expected an absolute path"),
        ({"ROLE": "agent", "PREFIX": "/opt/../etc"}, "PREFIX: expected a path without '..'"),
        ({"ROLE": "agent", "DESTDIR": "here"}, "DESTDIR: expected an absolute path"),
        ({"ROLE": "agent", "PYTHON": "/bin/false"}, "needs a Python of this host, 3.11 or newer"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_done(settings: dict[str, str], complaint: str) -> None:
    done = subprocess.run(
        [ROOT / "systemd" / "install.sh", "install"],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DRY_RUN": "1", **settings},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert complaint in done.stderr
