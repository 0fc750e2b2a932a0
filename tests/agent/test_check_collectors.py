"""``watchbook agent check`` against real collectors' receiving sides: everything that is wrong, at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.agent.ship.stand_in import Receiving
from tests.agent.ship.test_tls import serve
from tests.authority import Authority
from watchbook.cli import cli


@pytest.fixture
async def collectors() -> AsyncIterator[list[Receiving]]:
    made = [Receiving() for _ in range(3)]
    yield made
    for each in made:
        await each.stop()


async def check(folder: Path, collector: str) -> Result:
    log = folder / "app.log"
    log.touch()
    path = folder / "agent.yaml"
    path.write_text(
        f"collector: {{{collector}}}\nstate: {folder}/state\ninputs:\n"
        f"  - {{name: app, files: [{log}], profile: jsonl}}\n"
    )
    return await asyncio.to_thread(CliRunner().invoke, cli, ["agent", "check", "--config", str(path)])


async def test_every_collector_is_asked_with_its_token(tmp_path: Path, collectors: list[Receiving]) -> None:
    right, wrong, away = collectors
    await right.start()
    await wrong.start()
    wrong.token = "another"
    urls = ", ".join(f"'{each.url()}'" for each in collectors)
    done = await check(tmp_path, f"urls: [{urls}], token: t")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert f"ok     collector: {right.url()} answers and takes the token" in lines
    assert f"WRONG  collector: {wrong.url()}: refuses the token (401); it needs the scope 'ingest'" in lines
    assert any(line.startswith(f"WRONG  collector: {away.url()}: no connection to 127.0.0.1:") for line in lines)
    assert right.stored == []


async def test_what_tls_makes_wrong_is_named_for_all_at_once(tmp_path: Path, collectors: list[Receiving]) -> None:
    known, unknown, soon = collectors
    authority = Authority(tmp_path)
    await serve(known, authority.issue("known"))
    await serve(unknown, Authority(tmp_path, "other").issue("unknown"))
    await serve(soon, authority.issue("soon", days=3.5))
    cert, key = authority.issue("agent", "agent.example", days=-1)
    urls = ", ".join(f"'{each.url('https')}'" for each in collectors)
    tls = f"{{ca_file: {authority.file}, cert_file: {cert}, key_file: {key}}}"
    done = await check(tmp_path, f"urls: [{urls}], token: t, tls: {tls}")
    wrong = [line for line in done.output.splitlines() if line.startswith("WRONG")]
    assert done.exit_code == 1
    assert len(wrong) == 3
    assert f"collector: {unknown.url('https')}: the collector's certificate is not trusted" in wrong[0]
    assert f"'collector.tls.cert_file': {cert} expired on " in wrong[1]
    assert f"the certificate of {soon.url('https')} expires on " in wrong[2]


async def test_verification_that_is_turned_off_is_wrong_though_it_works(
    tmp_path: Path, collectors: list[Receiving]
) -> None:
    await serve(collectors[0], Authority(tmp_path).issue("any", "any.example"))
    done = await check(tmp_path, f"url: '{collectors[0].url('https')}', token: t, tls: {{verify: false}}")
    assert done.exit_code == 1
    assert "answers and takes the token" in done.output
    assert "WRONG  collector: 'collector.tls.verify' is false: anyone in between" in done.output


async def test_files_that_cannot_be_used_are_named(tmp_path: Path, collectors: list[Receiving]) -> None:
    await serve(collectors[0], Authority(tmp_path).issue("server"))
    url, missing = collectors[0].url("https"), tmp_path / "missing.pem"
    done = await check(tmp_path, f"url: '{url}', token_file: {tmp_path}/none, tls: {{ca_file: {missing}}}")
    assert f"WRONG  collector: {url}: the token file {tmp_path}/none cannot be read: No such file" in done.output
    assert f"WRONG  collector: TLS: {missing}: cannot be read: No such file or directory" in done.output


async def test_a_page_that_is_no_collector_is_not_taken_for_one(tmp_path: Path, collectors: list[Receiving]) -> None:
    for collector, ours in zip(collectors, (True, False), strict=False):
        collector.status, collector.ours = 404, ours
        await collector.start()
    urls = ", ".join(f"'{each.url()}'" for each in collectors[:2])
    done = await check(tmp_path, f"urls: [{urls}], token: t")
    assert f"WRONG  collector: {collectors[0].url()}: answers 404: test" in done.output
    assert f"WRONG  collector: {collectors[1].url()}: answers 404; is it a Watchbook collector?" in done.output
