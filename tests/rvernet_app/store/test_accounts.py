"""Accounts: logging in, and how passwords are stored."""

from __future__ import annotations

import base64
import errno
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import argon2
import pytest

from rvernet_app.errors import ConfigError
from rvernet_app.store.accounts import ACCOUNTS_NAME, Accounts

PASSWORD = "correct horse"


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    """Return the accounts of a data folder that does not exist yet."""
    return Accounts(tmp_path / "data")


def stored_hashes(accounts: Accounts, tmp_path: Path) -> dict[str, str]:
    found = json.loads((tmp_path / "data" / ACCOUNTS_NAME).read_text())
    return {name: kept if isinstance(kept, str) else kept["hash"] for name, kept in found.items()}


def test_nobody_can_log_in_without_accounts(accounts: Accounts, tmp_path: Path) -> None:
    assert accounts.names() == []
    assert not accounts.find("ann", PASSWORD)
    assert not accounts.find("", "")
    assert not (tmp_path / "data").exists()


def test_an_account_accepts_only_its_own_password(accounts: Accounts) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ben", "battery staple")
    assert accounts.names() == ["ann", "ben"]
    assert accounts.find("ann", PASSWORD)
    assert accounts.find("ben", "battery staple")
    for name, password in (("ann", "battery staple"), ("ben", PASSWORD), ("cleo", PASSWORD), ("ann", "")):
        assert not accounts.find(name, password)
    assert not accounts.find("ann", PASSWORD.upper())


def test_a_password_may_use_any_script(accounts: Accounts) -> None:
    accounts.add("Zoë", "пароль🥕密码")
    assert accounts.find("Zoë", "пароль🥕密码")
    assert not accounts.find("Zoë", "пароль🥔密码")


def test_names_lose_extra_spaces(accounts: Accounts) -> None:
    accounts.add("  Ann \t Lee ", PASSWORD)
    assert accounts.names() == ["Ann Lee"]
    assert accounts.find("Ann Lee", PASSWORD)


def test_adding_an_account_again_replaces_its_password(accounts: Accounts) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ann", "another one")
    assert accounts.names() == ["ann"]
    assert not accounts.find("ann", PASSWORD)
    assert accounts.find("ann", "another one")


def test_a_scrypt_hash_works_until_the_next_login_replaces_it(accounts: Accounts, tmp_path: Path) -> None:
    """Check with the test vector of RFC 7914 for N = 16384, r = 8, p = 1."""
    derived = bytes.fromhex(
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )
    parts = (base64.b64encode(part).decode() for part in (b"SodiumChloride", derived))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ACCOUNTS_NAME).write_text(json.dumps({"ann": "$".join(parts)}))
    before = stored_hashes(accounts, tmp_path)
    assert not accounts.find("ann", "pleaseletmeout")
    assert stored_hashes(accounts, tmp_path) == before
    assert accounts.find("ann", "pleaseletmein")
    after = stored_hashes(accounts, tmp_path)
    assert after["ann"].startswith("$argon2id$")
    assert accounts.find("ann", "pleaseletmein")
    assert not accounts.find("ann", "pleaseletmeout")
    assert stored_hashes(accounts, tmp_path) == after


def test_the_next_login_replaces_a_low_cost_hash(accounts: Accounts, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    (tmp_path / "data" / ACCOUNTS_NAME).write_text(json.dumps({"ann": cheap, "ben": cheap}))
    assert accounts.find("ann", PASSWORD)
    after = stored_hashes(accounts, tmp_path)
    assert after["ben"] == cheap
    assert not argon2.PasswordHasher().check_needs_rehash(after["ann"])


def test_login_works_when_the_hash_cannot_be_replaced(
    accounts: Accounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    (tmp_path / "data" / ACCOUNTS_NAME).write_text(json.dumps({"ann": cheap}))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rvernet_app.store.shared_file.replacing", full)
    assert accounts.find("ann", PASSWORD)
    assert "No space left" in caplog.text
    assert stored_hashes(accounts, tmp_path) == {"ann": cheap}
    with pytest.raises(ConfigError, match="No space left"):
        accounts.add("ben", PASSWORD)


def test_passwords_are_stored_as_hashes_with_separate_salts(accounts: Accounts, tmp_path: Path) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ben", PASSWORD)
    file = tmp_path / "data" / ACCOUNTS_NAME
    assert all(PASSWORD not in path.read_text() for path in (tmp_path / "data").iterdir())
    parts = [value.split("$") for value in stored_hashes(accounts, tmp_path).values()]
    assert {(kind, version) for _, kind, version, *_ in parts} == {("argon2id", "v=19")}
    salts, hashes = zip(*((salt, derived) for *_, salt, derived in parts), strict=True)
    assert len(set(salts)) == len(set(hashes)) == 2
    assert {len(base64.b64decode(f"{salt}==")) for salt in salts} == {16}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "password"), [("", PASSWORD), (" \t", PASSWORD), ("ann", "7 chars"), ("ann", "")]
)
def test_an_empty_name_or_a_short_password_is_refused(
    accounts: Accounts, tmp_path: Path, name: str, password: str
) -> None:
    with pytest.raises(ConfigError, match="8 characters"):
        accounts.add(name, password)
    assert not (tmp_path / "data").exists()


def test_an_account_can_be_removed(accounts: Accounts, tmp_path: Path) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ben", PASSWORD)
    accounts.set_admin("ben", admin=True)
    bens_hash = stored_hashes(accounts, tmp_path)["ben"]
    accounts.remove("ann")
    assert accounts.names() == ["ben"]
    assert not accounts.find("ann", PASSWORD)
    assert stored_hashes(accounts, tmp_path) == {"ben": bens_hash}
    with pytest.raises(ConfigError, match="no account 'ann'"):
        accounts.remove("ann")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'"ann"',
        b'{"ann": 5}',
        b'{"ann": "x"}',
        b'{"ann": "x$y$z"}',
        b'{"ann": "AAAA$AAA"}',
        b'{"ann": "A A==$AAAA"}',
        b'{"ben": "$AAAA"}',
        b'{"ann": "$argon2id$v=19$m=64$AAAA$AAAA"}',
        b'{"ann": {"hash": "x", "id": "0123456789abcdef0123456789abcdef", "admin": true}}',
        b'{"ann": {"hash": "AAAA$AAAA", "id": "", "admin": true}}',
        b'{"ann": {"hash": "AAAA$AAAA", "id": "0123456789abcdef0123456789abcdef"}}',
        b"[" * 100_000,
        '{"ann": "AAAA$Ä==="}'.encode(),
    ],
)
def test_a_damaged_file_is_refused_and_left_unchanged(
    accounts: Accounts, tmp_path: Path, content: bytes
) -> None:
    """A server with a damaged accounts file must not let everyone in."""
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / ACCOUNTS_NAME
    file.write_bytes(content)
    for act in (
        accounts.names,
        lambda: accounts.find("ann", PASSWORD),
        lambda: accounts.add("ann", PASSWORD),
        lambda: accounts.remove("ann"),
        lambda: accounts.set_admin("ann", admin=True),
        lambda: accounts.is_admin("ann"),
        accounts.let_everyone_in,
        accounts.check,
    ):
        with pytest.raises(ConfigError, match=ACCOUNTS_NAME):
            act()
    assert file.read_bytes() == content
    assert accounts.required()


# Admins


def test_the_first_account_is_an_admin_and_others_are_if_they_are_named(accounts: Accounts) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ben", PASSWORD)
    accounts.add("cleo", PASSWORD, admin=True)
    assert accounts.admins() == ["ann", "cleo"]
    assert [accounts.is_admin(name) for name in ("ann", "ben", "cleo", "dan")] == [True, False, True, False]
    accounts.set_admin("ben", admin=True)
    accounts.set_admin("ann", admin=False)
    assert accounts.admins() == ["ben", "cleo"]


def test_another_password_leaves_the_admins_as_they_are(accounts: Accounts) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ben", PASSWORD)
    for name in ("ann", "ben"):
        accounts.add(name, "another one")
    assert accounts.admins() == ["ann"]
    accounts.add("ben", "another one", admin=True)
    assert accounts.admins() == ["ann", "ben"]


def test_the_last_admin_stays_while_others_have_accounts(accounts: Accounts) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ben", PASSWORD)
    with pytest.raises(ConfigError, match="'ann' is the last admin"):
        accounts.remove("ann")
    with pytest.raises(ConfigError, match="'ann' is the last admin"):
        accounts.set_admin("ann", admin=False)
    accounts.remove("ben")
    with pytest.raises(ConfigError, match="'ann' is the last admin"):
        accounts.set_admin("ann", admin=False)
    accounts.remove("ann")
    assert accounts.names() == []


@pytest.mark.parametrize(("names", "admins"), [(["ann"], ["ann"]), (["ann", "ben"], [])])
def test_of_a_file_that_knows_no_admins_only_a_single_account_is_one(
    accounts: Accounts, tmp_path: Path, names: list[str], admins: list[str]
) -> None:
    write_old(tmp_path, names)
    assert accounts.admins() == admins
    accounts.add("cleo", PASSWORD)
    assert accounts.admins() == admins


def test_nobody_becomes_an_admin_because_others_are_removed(accounts: Accounts, tmp_path: Path) -> None:
    write_old(tmp_path, ["ann", "ben"])
    accounts.remove("ann")
    assert accounts.admins() == []
    accounts.set_admin("ben", admin=True)
    assert accounts.admins() == ["ben"]


def write_old(tmp_path: Path, names: list[str]) -> None:
    """Write a file of before, with names and hashes only."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ACCOUNTS_NAME).write_text(json.dumps(dict.fromkeys(names, "AAAA$AAAA")))


# Changes while a server runs


def test_changes_by_another_process_count_at_once(accounts: Accounts, tmp_path: Path) -> None:
    other = Accounts(tmp_path / "data")
    assert not accounts.required()
    other.add("ann", PASSWORD)
    assert accounts.required()
    assert accounts.names() == ["ann"]
    first = accounts.get("ann")
    other.add("ann", "another one")
    second = accounts.get("ann")
    assert first is not None
    assert second is not None
    assert first.id != second.id
    other.remove("ann")
    assert accounts.get("ann") is None


def test_a_newer_hash_of_the_same_password_keeps_the_id(accounts: Accounts, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    (tmp_path / "data" / ACCOUNTS_NAME).write_text(json.dumps({"ann": cheap}))
    before = accounts.find("ann", PASSWORD)
    after = accounts.get("ann")
    assert before is not None
    assert after is not None
    assert after.hash != before.hash
    assert (after.id, after.admin) == (before.id, True)


def test_no_account_is_lost_if_many_are_added_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rvernet_app.store.passwords.hash_of", lambda password: "AAAA$AAAA")
    names = [f"ann {number:02}" for number in range(16)]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda name: Accounts(tmp_path / "data").add(name, PASSWORD), names))
    accounts = Accounts(tmp_path / "data")
    assert accounts.names() == names
    assert len(accounts.admins()) == 1


def test_a_server_that_had_accounts_asks_for_a_log_in_until_it_is_opened(
    accounts: Accounts, tmp_path: Path
) -> None:
    accounts.add("ann", PASSWORD)
    with pytest.raises(ConfigError, match="There are accounts, 'ann' for example"):
        accounts.let_everyone_in()
    accounts.remove("ann")
    assert accounts.required()
    with pytest.raises(ConfigError, match="it has no accounts"):
        accounts.check()
    accounts.let_everyone_in()
    assert not accounts.required()
    accounts.check()


def test_a_data_folder_of_before_is_marked_when_the_server_starts(accounts: Accounts, tmp_path: Path) -> None:
    write_old(tmp_path, ["ann"])
    accounts.check()
    (tmp_path / "data" / ACCOUNTS_NAME).unlink()
    assert accounts.required()
