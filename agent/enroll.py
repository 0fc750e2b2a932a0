"""``watchbook agent enroll``: a one-time token becomes this agent's own, in the file that the configuration names.

Everything that can be found wrong on this host is found before the one-time token is used up.
"""

import os
import pwd
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from agent.config import load_settings
from agent.ship import TlsSettings, followed_context
from watchbook import __version__
from watchbook.configfile import ConfigError, Node, load, parse

_TIMEOUT_S: Final = 30
_ANSWER_BYTES_MAX: Final = 1 << 16
#: The user that the shipped unit runs the agent as.
_AGENT_USER: Final = "watchbook-agent"
_FRESH: Final = """\
# The Watchbook agent. Every option with its default: docs/settings.md.
# Check it:  watchbook agent check --config {path}

collector:
  url: {url}
  # Written by: watchbook agent enroll
  token_file: {token_file}
{tls}
# The spool: unsent events and the positions in the files.
state: {state}
{name}
# The logs of this host. A file that is not there is read when it appears.
inputs:
  - name: sshd
    files: [/var/log/auth.log, /var/log/secure]
    profile: sshd
    # Do not send what is in the file already when the agent is started for the very first time.
    read_from: end

  # - name: nginx
  #   files: [/var/log/nginx/access.log]
  #   profile: nginx

  # - name: app
  #   files: [/var/log/app/*.log]
  #   profile: jsonl
"""


class EnrolError(Exception):
    """The agent cannot be enrolled; the text says why, and the next step."""


class Plan(NamedTuple):
    """What enrolling is to do.  ``asked`` is the name that the agent must have, None: any; ``name`` what it has now."""

    path: Path
    is_new: bool
    url: str
    token_file: Path
    state: Path
    asked: str | None
    name: str
    host: str
    tls: TlsSettings


class Enrolled(msgspec.Struct):
    """What the collector answers."""

    id: str
    name: str
    token: str


def enrol_host(
    path: Path, *, url: str | None, token: str, name: str | None, ca_file: Path | None, state: Path
) -> list[str]:
    """Enrol the agent of a configuration file, which is written when there is none; return what to say of it.

    Raises EnrolError, and ConfigError when the file is there and wrong.
    """
    plan = _plan_of(path, url, name) if path.exists() else _fresh_plan(path, url, name, state)
    if ca_file is not None:
        plan = plan._replace(tls=replace(plan.tls, ca_file=ca_file.absolute()))
    with _prepared(plan.token_file) as pending:
        enrolled = _ask(plan, token)
        try:
            owner = _owner_of(plan)
            _put(pending, plan.token_file, f"{enrolled.token}\n", owner)
            said = _write_configuration(plan, enrolled, owner)
        except OSError as error:
            raise EnrolError(
                f"the agent was enrolled as {enrolled.name}, but {error.filename or plan.token_file} cannot be "
                f"written: {error.strerror}; mend that, and enrol it again with another one-time token"
            ) from error
    return [f"Enrolled as {enrolled.name} ({enrolled.id}) at {plan.url}.", *said, *_next_steps(plan, owner)]


def _plan_of(path: Path, url: str | None, name: str | None) -> Plan:
    settings, _ = load_settings(path)
    options = load(path).mapping()
    collector = options["collector"].mapping()
    ship = settings.collector
    wanted = (ship.addresses[0] if len(ship.addresses) == 1 else None) if url is None else url.rstrip("/")
    if wanted not in ship.addresses:
        option = "url" if ship.url is not None else "urls"
        said = f"'collector.{option}' is {', '.join(ship.addresses)}"
        step = "say with '--url' which of them" if url is None else f"'--url' says {url}; make them the same"
        raise EnrolError(f"{_place(collector[option])}: {said}; {step}")
    token_file = ship.token_files[ship.addresses.index(wanted)] if ship.token_files else ship.token_file
    if token_file is None:
        where = collector["token"]
        raise EnrolError(f"{_place(where)}: put 'token_file: {path.parent}/agent.token' in the place of 'token'")
    configured = settings.name if "name" in options else None
    if name is not None and configured not in (None, name):
        raise EnrolError(
            f"{_place(options['name'])}: 'name' is {configured!r}, '--name' says {name!r}; change one of them"
        )
    return Plan(
        path, False, wanted, token_file, settings.state, name or configured, settings.name, settings.host, ship.tls,
    )  # fmt: skip


def _place(where: Node) -> str:
    return f"{where.path}:{where.line}:{where.column}"


def _fresh_plan(path: Path, url: str | None, name: str | None, state: Path) -> Plan:
    if url is None:
        raise EnrolError(f"there is no configuration {path} yet, so '--url' must say where the collector is")
    host = socket.gethostname()
    path = path.absolute()
    token_file = path.parent / "agent.token"
    return Plan(path, True, url.rstrip("/"), token_file, state.absolute(), name, host, host, TlsSettings())


@contextmanager
def _prepared(target: Path) -> Iterator[Path]:
    """Give the path of an empty file beside the target that only its owner can read; it is gone afterwards."""
    pending = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        pending.unlink(missing_ok=True)
        os.close(os.open(pending, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise EnrolError(
            f"{target} cannot be written: {error.strerror}; run this as root, or as the owner of {target.parent}. The "
            "one-time token was not used"
        ) from error
    try:
        yield pending
    finally:
        with suppress(OSError):
            pending.unlink(missing_ok=True)


def _put(pending: Path, target: Path, text: str, owner: tuple[int, int] | None) -> None:
    """Write a file that is there already, but empty, and put it where it belongs in one step."""
    with pending.open("r+", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        if owner is not None:
            os.fchown(file.fileno(), *owner)
        os.fsync(file.fileno())
    pending.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _owner_of(plan: Plan) -> tuple[int, int] | None:
    """Return who is to own the token: as before, else the owner of the state folder, else the agent's user."""
    if os.geteuid() != 0:
        return None
    for path in (plan.token_file, plan.state):
        with suppress(OSError):
            found = path.stat()
            return found.st_uid, found.st_gid
    with suppress(KeyError):
        user = pwd.getpwnam(_AGENT_USER)
        return user.pw_uid, user.pw_gid
    return None


def _ask(plan: Plan, token: str) -> Enrolled:
    document = {"token": token, "host": plan.host, "version": __version__}
    if plan.asked is not None:
        document["name"] = plan.asked
    if urlsplit(plan.url).scheme not in ("http", "https"):
        raise EnrolError(f"'--url': expected a URL that begins with http:// or https://, found {plan.url!r}")
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
        f"{plan.url}/v1/enroll", data=msgspec.json.encode(document), method="POST",
        headers={"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "watchbook"},
    )  # fmt: skip
    tls = followed_context(plan.tls)
    tls.follow()
    if tls.error is not None:
        raise EnrolError(f"TLS: {tls.error}")
    # Without the environment's proxy: the agent itself uses none either.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls.context)
    )  # fmt: skip
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            return msgspec.json.decode(answer.read(_ANSWER_BYTES_MAX), type=Enrolled)
    except urllib.error.HTTPError as error:
        raise EnrolError(_refusal(plan, error)) from error
    except msgspec.MsgspecError as error:
        raise EnrolError(f"{plan.url} answered, but not as a Watchbook collector does; check '--url'") from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        hint = "; name the certificates to check it with: --ca-file FILE" if isinstance(reason, ssl.SSLError) else ""
        raise EnrolError(f"the collector at {plan.url} cannot be reached: {reason}{hint}") from error


def _refusal(plan: Plan, error: urllib.error.HTTPError) -> str:
    with error:
        body = error.read(_ANSWER_BYTES_MAX)
    problem: dict[str, Any] = {}
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        problem = msgspec.json.decode(body, type=dict[str, Any])
    if not problem:
        return f"{plan.url} answered {error.code}, but not as a Watchbook collector does; check '--url'"
    if error.code == 404:
        return f"the collector at {plan.url} knows of no enrolment; update it"
    return f"the collector at {plan.url} refuses ({error.code}): {problem.get('detail') or problem.get('title')}"


def _write_configuration(plan: Plan, enrolled: Enrolled, owner: tuple[int, int] | None) -> list[str]:
    """Make the configuration fit; return what was done to it."""
    said = [f"Its token is in {plan.token_file}{_owned(owner)}."]
    name = f"name: {_quoted(enrolled.name)}\n"
    if plan.is_new:
        text = _FRESH.format(
            path=plan.path, url=plan.url, token_file=plan.token_file, state=plan.state,
            tls=f"  tls: {{ca_file: {plan.tls.ca_file}}}\n" if plan.tls.ca_file else "",
            name="" if enrolled.name == plan.name else f"\n# The name that it was enrolled by.\n{name}",
        )  # fmt: skip
        _replace(plan.path, text, 0o644)
        return [*said, f"Wrote {plan.path}: name the logs of this host under 'inputs'."]
    if enrolled.name == plan.name:
        return said
    why = "its events would be flagged 'agent_mismatch' under any other"
    try:
        before = plan.path.read_text(encoding="utf-8")
        end = "" if before.endswith("\n") or not before else "\n"
        text = f"{before}{end}\n# Written by: watchbook agent enroll\n{name}"
        parse(text, str(plan.path))
        _replace(plan.path, text, None)
    except (OSError, ConfigError):
        return [*said, f"Add 'name: {enrolled.name}' to {plan.path}: {why}."]
    return [*said, f"Added 'name: {enrolled.name}' to {plan.path}: {why}."]


def _replace(path: Path, text: str, mode: int | None) -> None:
    """Write a file in one step; ``mode`` None: it keeps the mode and the owner that it has."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    if mode is None:
        found = path.stat()
        new.chmod(found.st_mode & 0o7777)
        if os.geteuid() == 0:
            os.chown(new, found.st_uid, found.st_gid)
    else:
        new.chmod(mode)
    new.replace(path)


def _quoted(name: str) -> str:
    """Return a name as YAML: JSON is YAML too."""
    return msgspec.json.encode(name).decode()


def _owned(owner: tuple[int, int] | None) -> str:
    if owner is None:
        return ", readable by its owner only"
    with suppress(KeyError):
        return f", readable by {pwd.getpwuid(owner[0]).pw_name} only"
    return f", readable by user {owner[0]} only"


def _next_steps(plan: Plan, owner: tuple[int, int] | None) -> Iterator[str]:
    if os.geteuid() == 0 and owner is None:
        yield f"Give it to the agent's user: chown USER {plan.token_file}"
    host = urlsplit(plan.url).hostname or ""
    if plan.url.startswith("http://") and not _is_loopback(host):
        yield f"Note: {plan.url} is not encrypted; whoever sees the network sees the token. Use https://."
    yield f"Next: watchbook agent check --config {plan.path}"
    yield f"Then: systemctl {'enable --now' if plan.is_new else 'restart'} watchbook-agent"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
