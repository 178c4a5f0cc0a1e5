"""Accounts: logging in, and how passwords are stored."""

from __future__ import annotations

import base64
import errno
import json
import stat
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
    found: dict[str, str] = json.loads((tmp_path / "data" / ACCOUNTS_NAME).read_text())
    return found


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

    monkeypatch.setattr("rvernet_app.store.accounts.replacing", full)
    assert accounts.find("ann", PASSWORD)
    assert "No space left" in caplog.text
    assert stored_hashes(accounts, tmp_path) == {"ann": cheap}
    with pytest.raises(ConfigError, match="No space left"):
        accounts.add("ben", PASSWORD)


def test_passwords_are_stored_as_hashes_with_separate_salts(accounts: Accounts, tmp_path: Path) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ben", PASSWORD)
    (file,) = (tmp_path / "data").iterdir()
    assert PASSWORD not in file.read_text()
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
    ):
        with pytest.raises(ConfigError, match=ACCOUNTS_NAME):
            act()
    assert file.read_bytes() == content
