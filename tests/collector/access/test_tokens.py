"""Tokens and their table."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils.db import Database

from collector.access import MIGRATIONS, TokenError, TokenStore, issue_agent_token, withdraw_agent_tokens
from collector.access.tokens import SCOPES, TokenBook
from watchbook.database import connect


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(connect(tmp_path / "state.db", compatibility=1)) as connection:
        MIGRATIONS.apply(Database(connection))
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[TokenStore]:
    store = TokenStore(path, 1, lambda: 1000)
    yield store
    store.close()


def test_a_token_is_found_by_itself_and_by_nothing_else(store: TokenStore) -> None:
    token = store.create("agent-1", ["ingest"])
    other = store.create("alice", ["read", "admin", "read"])
    book = TokenBook(store.tokens())
    principal = book.find(token)
    assert principal is not None
    assert (principal.name, principal.may("ingest"), principal.may("read")) == ("agent-1", True, False)
    admin = book.find(other)
    assert admin is not None
    assert admin.may("ingest")
    for wrong in ("", "wb_", token[:-1], token + "x", token.upper(), token.removeprefix("wb_"), "wb_" + "é" * 20_000):
        assert book.find(wrong) is None


def test_only_the_hash_of_a_token_is_on_disk(store: TokenStore, path: Path) -> None:
    token = store.create("agent-1", ["ingest"])
    assert len(token) == 46
    for file in path.parent.iterdir():
        assert token.removeprefix("wb_").encode() not in file.read_bytes()


def test_a_revoked_token_is_kept_but_no_longer_valid_and_its_name_is_free(store: TokenStore) -> None:
    token = store.create("agent-1", ["ingest"])
    assert store.revoke("agent-1")
    assert not store.revoke("agent-1")
    assert TokenBook(store.tokens()).find(token) is None
    store.create("agent-1", ["ingest"])
    assert [token.revoked for token in store.tokens()] == [1000, None]


def test_an_enrolled_agents_token_is_told_apart_and_ends_with_its_agent(store: TokenStore, path: Path) -> None:
    with closing(connect(path, compatibility=1)) as connection:
        token = issue_agent_token(connection, "1", 5)
        other = issue_agent_token(connection, "2", 5)
        principal = TokenBook(store.tokens()).find(token)
        assert principal is not None
        assert (principal.name, principal.agent, principal.may("ingest"), principal.may("read")) == (
            "agent:1", "1", True, False,
        )  # fmt: skip
        withdraw_agent_tokens(connection, "1", 9)
    book = TokenBook(store.tokens())
    assert book.find(token) is None
    assert book.revoked(token) is not None
    assert book.find(other) is not None
    assert book.revoked(other) is None
    with pytest.raises(TokenError, match="watchbook agents revoke 2"):
        store.revoke("agent:2")
    with pytest.raises(TokenError, match="choose another"):
        store.create("agent:2", ["read"])


@pytest.mark.parametrize("name", ["", " a", "a\nb", "x" * 101, "\x1b[2J"])
def test_a_name_that_cannot_be_shown_is_refused(store: TokenStore, name: str) -> None:
    with pytest.raises(TokenError, match="expected a name"):
        store.create(name, ["read"])


@pytest.mark.parametrize(("scopes", "found"), [([], "none"), (["read", "write"], "'write'")])
def test_unknown_scopes_are_refused(store: TokenStore, scopes: list[str], found: str) -> None:
    with pytest.raises(TokenError, match=f"ingest, read, respond, admin, found {found}"):
        store.create("alice", scopes)


def test_a_second_token_of_a_name_is_refused(store: TokenStore) -> None:
    store.create("alice", ["read"])
    with pytest.raises(TokenError, match="named 'alice' already"):
        store.create("alice", ["read"])
    assert len(store.tokens()) == 1


def test_a_change_by_another_process_is_seen_and_no_change_is_not_read_again(store: TokenStore, path: Path) -> None:
    store.create("alice", ["read"])
    assert [token.name for token in store.changed() or ()] == ["alice"]
    assert store.changed() is None
    elsewhere = TokenStore(path, 1)
    elsewhere.create("bob", ["read"])
    assert [token.name for token in store.changed() or ()] == ["alice", "bob"]
    assert store.changed() is None


def test_the_last_use_never_goes_back(store: TokenStore) -> None:
    store.create("alice", ["read"])
    (token,) = store.tokens()
    assert token.last_used is None
    store.note_uses({token.id: 50, 99: 1})
    store.note_uses({token.id: 40})
    assert [token.last_used for token in store.tokens()] == [50]


def test_a_write_that_fails_leaves_nothing_behind(store: TokenStore, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER broken BEFORE INSERT ON token BEGIN SELECT RAISE(FAIL, 'disk'); END")
    with pytest.raises(TokenError):
        store.create("alice", ["read"])
    assert store.tokens() == []


def test_tokens_can_be_read_from_many_threads(store: TokenStore) -> None:
    store.create("alice", ["read"])
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(store.tokens()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 8


def test_whoever_may_act_on_alerts_may_read_and_nothing_more(store: TokenStore) -> None:
    token = store.create("on-call", ["respond"])
    principal = TokenBook(store.tokens()).find(token)
    assert principal is not None
    assert [scope for scope in SCOPES if principal.may(scope)] == ["read", "respond"]
