"""TLS to a real server: who is trusted, who is not, and files that change while everything runs.

The server is the collector's own TLS; what it receives is judged by :mod:`tests.agent.ship.stand_in`.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from agent.ship.settings import TlsSettings
from collector.web import ServerTls
from collector.web.settings import ServerTlsSettings
from tests.agent.ship.stand_in import Receiving, Sending
from tests.authority import Authority, replace
from watchbook.units import Seconds

NEVER = Seconds(1000.0)


@pytest.fixture
async def collector() -> AsyncIterator[Receiving]:
    made = Receiving()
    yield made
    await made.stop()


async def serve(collector: Receiving, pair: tuple[Path, Path], client_ca: Path | None = None) -> ServerTls:
    cert, key = pair
    tls = ServerTls(ServerTlsSettings(cert, key, client_ca), CollectorRegistry())
    await tls.load()
    await collector.start(tls.context)
    return tls


def agent_of(folder: Path, collector: Receiving, *, host: str = "127.0.0.1", **tls: Any) -> Sending:
    settings = TlsSettings(**{"reload_interval": NEVER, **tls})
    return Sending(folder / "spool", collector.url("https", host), tls=settings)


async def deliver(agent: Sending) -> list[str]:
    """Send one batch and return the problems that are shown afterwards."""
    async with agent.running():
        await agent.store("a")
        await agent.sent()
        return list(agent.shipper.report()["problems"])


async def refusal(agent: Sending) -> str:
    """Return why a batch cannot be sent."""
    async with agent.running():
        await agent.store("a")
        await agent.until(lambda: agent.shipper.state.retries >= 2)
        return str(agent.shipper.state.last_error)


async def test_a_certificate_of_a_known_authority_is_accepted(tmp_path: Path, collector: Receiving) -> None:
    authority = Authority(tmp_path)
    await serve(collector, authority.issue("server"))
    assert await deliver(agent_of(tmp_path, collector, ca_file=authority.file)) == []
    assert collector.actors == ["a"]


async def test_an_unknown_authority_is_refused(tmp_path: Path, collector: Receiving) -> None:
    await serve(collector, Authority(tmp_path, "theirs").issue("server"))
    ours = Authority(tmp_path, "ours").file
    trusted: list[dict[str, Any]] = [{"ca_file": ours}, {}]
    for tls in trusted:
        reason = await refusal(agent_of(tmp_path, collector, **tls))
        assert "certificate is not trusted" in reason
        assert "check 'collector.tls.ca_file'" in reason
    assert collector.actors == []


async def test_another_name_is_refused_unless_it_is_the_one_that_is_expected(
    tmp_path: Path, collector: Receiving
) -> None:
    authority = Authority(tmp_path)
    await serve(collector, authority.issue("server", "collector.example"))
    reason = await refusal(agent_of(tmp_path, collector, ca_file=authority.file))
    assert "bears another name" in reason
    assert "set 'tls.server_name'" in reason
    agent = agent_of(tmp_path, collector, ca_file=authority.file, server_name="other.example")
    assert "bears another name" in await refusal(agent)
    assert collector.actors == []
    await deliver(agent_of(tmp_path / "b", collector, ca_file=authority.file, server_name="collector.example"))
    assert collector.actors == ["a"]


async def test_an_expired_certificate_is_refused(tmp_path: Path, collector: Receiving) -> None:
    authority = Authority(tmp_path)
    await serve(collector, authority.issue("server", days=-1))
    assert "has expired" in await refusal(agent_of(tmp_path, collector, ca_file=authority.file))


async def test_without_verification_anyone_is_trusted_and_that_is_a_problem(
    tmp_path: Path, collector: Receiving
) -> None:
    await serve(collector, Authority(tmp_path).issue("server", "any.example"))
    (problem,) = await deliver(agent_of(tmp_path, collector, verify=False))
    assert problem == "'collector.tls.verify' is false: anyone in between can read and take events"
    assert collector.actors == ["a"]


async def test_a_collector_that_asks_for_a_certificate_gets_the_agents(tmp_path: Path, collector: Receiving) -> None:
    authority, clients = Authority(tmp_path, "servers"), Authority(tmp_path, "clients")
    await serve(collector, authority.issue("server"), clients.file)
    without = agent_of(tmp_path, collector, ca_file=authority.file)
    assert "asks for certificates, set 'collector.tls.cert_file'" in await refusal(without)
    cert, key = Authority(tmp_path, "others").issue("other", "agent.example")
    wrong = agent_of(tmp_path, collector, ca_file=authority.file, cert_file=cert, key_file=key)
    assert "asks for certificates, check 'collector.tls.cert_file'" in await refusal(wrong)
    assert collector.actors == []
    cert, key = clients.issue("agent", "agent.example")
    right = agent_of(tmp_path / "b", collector, ca_file=authority.file, cert_file=cert, key_file=key)
    assert await deliver(right) == []
    assert collector.actors == ["a"]


async def test_a_key_in_the_certificates_file_is_found(tmp_path: Path, collector: Receiving) -> None:
    authority = Authority(tmp_path)
    await serve(collector, authority.issue("server"), authority.file)
    cert, key = authority.issue("agent", "agent.example")
    cert.write_bytes(cert.read_bytes() + key.read_bytes())
    await deliver(agent_of(tmp_path, collector, ca_file=authority.file, cert_file=cert))
    assert collector.actors == ["a"]


async def test_a_new_authority_on_both_sides_needs_no_restart(tmp_path: Path, collector: Receiving) -> None:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    cert, key = old.issue("server")
    server = await serve(collector, (cert, key))
    ca_file = tmp_path / "trusted.pem"
    ca_file.write_bytes(old.file.read_bytes())
    agent = agent_of(tmp_path, collector, ca_file=ca_file)
    async with agent.running():
        await agent.store("a")
        await agent.sent()
        new_cert, new_key = new.issue("renewed")
        replace(key, new_key.read_bytes())
        await server.follow()
        await agent.store("b")
        await agent.sent()  # the certificate before: the new key alone is none
        replace(cert, new_cert.read_bytes())
        await server.follow()
        await agent.store("c")
        await agent.until(lambda: "not trusted" in str(agent.shipper.state.last_error))
        assert collector.actors == ["a", "b"]
        replace(ca_file, new.file.read_bytes())
        await agent.sent()
    assert collector.actors == ["a", "b", "c"]


async def test_a_new_client_certificate_is_used_from_the_next_connection_on(
    tmp_path: Path, collector: Receiving
) -> None:
    servers, old, new = (Authority(tmp_path, name) for name in ("servers", "old", "new"))
    client_ca = tmp_path / "clients.pem"
    client_ca.write_bytes(old.file.read_bytes())
    server = await serve(collector, servers.issue("server"), client_ca)
    cert, key = old.issue("agent", "agent.example")
    agent = agent_of(tmp_path, collector, ca_file=servers.file, cert_file=cert, key_file=key)
    async with agent.running():
        await agent.store("a")
        await agent.sent()
        replace(client_ca, new.file.read_bytes())
        await server.follow()
        await agent.store("b")
        await agent.until(lambda: "ends TLS connections at once" in str(agent.shipper.state.last_error))
        new_cert, new_key = new.issue("renewed", "agent.example")
        replace(key, new_key.read_bytes())
        replace(cert, new_cert.read_bytes())
        await agent.sent()
    assert collector.actors == ["a", "b"]


async def test_a_broken_new_file_leaves_the_old_one_in_use_and_says_so(tmp_path: Path, collector: Receiving) -> None:
    authority = Authority(tmp_path)
    await serve(collector, authority.issue("server"), authority.file)
    cert, key = authority.issue("agent", "agent.example")
    good = cert.read_bytes()
    tls: dict[str, Any] = {
        "ca_file": authority.file,
        "cert_file": cert,
        "key_file": key,
        "reload_interval": Seconds(0.01),
    }
    agent = agent_of(tmp_path, collector, **tls)
    async with agent.running():
        await agent.store("a")
        await agent.sent()
        replace(cert, b"-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n")
        await agent.until(lambda: agent.shipper.report()["problems"])
        await agent.store("b")
        await agent.sent()
        (problem,) = agent.shipper.report()["problems"]
        assert problem.startswith(f"TLS: {cert} with the key {key}: ")
        assert problem.endswith("; the files as they were before stay in use")
        replace(cert, good)
        await agent.until(lambda: not agent.shipper.report()["problems"])
    assert collector.actors == ["a", "b"]


async def test_files_that_are_not_there_yet_are_waited_for(tmp_path: Path, collector: Receiving) -> None:
    authority = Authority(tmp_path)
    await serve(collector, authority.issue("server"))
    ca_file = tmp_path / "later.pem"
    agent = agent_of(tmp_path, collector, ca_file=ca_file)
    async with agent.running():
        await agent.store("a")
        await agent.until(lambda: agent.shipper.state.retries >= 2)
        assert agent.shipper.state.last_error == f"TLS: {ca_file}: cannot be read: No such file or directory"
        replace(ca_file, authority.file.read_bytes())
        await agent.sent()
    assert collector.actors == ["a"]


async def test_certificates_that_end_soon_are_shown(tmp_path: Path, collector: Receiving) -> None:
    authority = Authority(tmp_path)
    await serve(collector, authority.issue("server", days=5.5), authority.file)
    cert, key = authority.issue("agent", "agent.example", days=9.5)
    tls: dict[str, Any] = {"ca_file": authority.file, "cert_file": cert, "key_file": key}
    agent = agent_of(tmp_path, collector, **tls)
    agent.clock = agent.wall_clock
    client, server = await deliver(agent)
    assert client.startswith(f"'collector.tls.cert_file': {cert} expires on ")
    assert ", in 9d; replace it" in client
    assert server.startswith(f"the certificate of {collector.url('https')} expires on ")
    assert ", in 5d; replace it" in server
    calm = agent_of(tmp_path / "b", collector, **tls, expiry_warning=Seconds(86_400.0))
    calm.clock = calm.wall_clock
    assert await deliver(calm) == []
