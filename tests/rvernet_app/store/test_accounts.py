"""Accounts: who may log in, and what of their passwords lies on the disk."""

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
    """Of a data folder that is not there yet."""
    return Accounts(tmp_path / "data")


def kept(accounts: Accounts, tmp_path: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((tmp_path / "data" / ACCOUNTS_NAME).read_text())
    return found


def test_where_there_are_no_accounts_nobody_is_known(accounts: Accounts, tmp_path: Path) -> None:
    assert accounts.names() == []
    assert not accounts.holds("ann", PASSWORD)
    assert not accounts.holds("", "")
    assert not (tmp_path / "data").exists()


def test_an_account_holds_its_own_password_alone(accounts: Accounts) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ben", "battery staple")
    assert accounts.names() == ["ann", "ben"]
    assert accounts.holds("ann", PASSWORD)
    assert accounts.holds("ben", "battery staple")
    for name, password in (("ann", "battery staple"), ("ben", PASSWORD), ("cleo", PASSWORD), ("ann", "")):
        assert not accounts.holds(name, password)
    assert not accounts.holds("ann", PASSWORD.upper())


def test_passwords_may_be_of_any_script(accounts: Accounts) -> None:
    accounts.add("Zoë", "пароль🥕密码")
    assert accounts.holds("Zoë", "пароль🥕密码")
    assert not accounts.holds("Zoë", "пароль🥔密码")


def test_names_are_kept_without_spare_spaces(accounts: Accounts) -> None:
    accounts.add("  Ann \t Lee ", PASSWORD)
    assert accounts.names() == ["Ann Lee"]
    assert accounts.holds("Ann Lee", PASSWORD)


def test_another_password_takes_the_place_of_the_first(accounts: Accounts) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ann", "another one")
    assert accounts.names() == ["ann"]
    assert not accounts.holds("ann", PASSWORD)
    assert accounts.holds("ann", "another one")


def test_a_hash_of_rfc_7914_still_counts_until_the_next_login_replaces_it(
    accounts: Accounts, tmp_path: Path
) -> None:
    """The test vector of the RFC for N = 16384, r = 8, p = 1."""
    derived = bytes.fromhex(
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )
    parts = (base64.b64encode(part).decode() for part in (b"SodiumChloride", derived))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ACCOUNTS_NAME).write_text(json.dumps({"ann": "$".join(parts)}))
    before = kept(accounts, tmp_path)
    assert not accounts.holds("ann", "pleaseletmeout")
    assert kept(accounts, tmp_path) == before
    assert accounts.holds("ann", "pleaseletmein")
    after = kept(accounts, tmp_path)
    assert after["ann"].startswith("$argon2id$")
    assert accounts.holds("ann", "pleaseletmein")
    assert not accounts.holds("ann", "pleaseletmeout")
    assert kept(accounts, tmp_path) == after


def test_a_hash_of_a_lower_cost_is_replaced_by_the_next_login(accounts: Accounts, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    (tmp_path / "data" / ACCOUNTS_NAME).write_text(json.dumps({"ann": cheap, "ben": cheap}))
    assert accounts.holds("ann", PASSWORD)
    after = kept(accounts, tmp_path)
    assert after["ben"] == cheap
    assert not argon2.PasswordHasher().check_needs_rehash(after["ann"])


def test_whoever_knows_the_password_gets_in_though_its_hash_cannot_be_replaced(
    accounts: Accounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    (tmp_path / "data" / ACCOUNTS_NAME).write_text(json.dumps({"ann": cheap}))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rvernet_app.store.accounts.replacing", full)
    assert accounts.holds("ann", PASSWORD)
    assert "No space left" in caplog.text
    assert kept(accounts, tmp_path) == {"ann": cheap}
    with pytest.raises(ConfigError, match="No space left"):
        accounts.add("ben", PASSWORD)


def test_no_password_lies_on_the_disk_and_each_has_a_salt_of_its_own(
    accounts: Accounts, tmp_path: Path
) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ben", PASSWORD)
    (file,) = (tmp_path / "data").iterdir()
    assert PASSWORD not in file.read_text()
    parts = [value.split("$") for value in kept(accounts, tmp_path).values()]
    assert {(kind, version) for _, kind, version, *_ in parts} == {("argon2id", "v=19")}
    salts, hashes = zip(*((salt, derived) for *_, salt, derived in parts), strict=True)
    assert len(set(salts)) == len(set(hashes)) == 2
    assert {len(base64.b64decode(f"{salt}==")) for salt in salts} == {16}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "password"), [("", PASSWORD), (" \t", PASSWORD), ("ann", "7 chars"), ("ann", "")]
)
def test_a_nameless_account_or_a_short_password_is_refused(
    accounts: Accounts, tmp_path: Path, name: str, password: str
) -> None:
    with pytest.raises(ConfigError, match="8 characters"):
        accounts.add(name, password)
    assert not (tmp_path / "data").exists()


def test_an_account_can_be_taken_away(accounts: Accounts, tmp_path: Path) -> None:
    accounts.add("ann", PASSWORD)
    accounts.add("ben", PASSWORD)
    of_ben = kept(accounts, tmp_path)["ben"]
    accounts.remove("ann")
    assert accounts.names() == ["ben"]
    assert not accounts.holds("ann", PASSWORD)
    assert kept(accounts, tmp_path) == {"ben": of_ben}
    with pytest.raises(ConfigError, match="no account 'ann'"):
        accounts.remove("ann")


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"\xff\xfe", b"[]", b'"ann"', b'{"ann": 5}', b'{"ann": "x"}', b'{"ann": "x$y$z"}'),
        *(
            b'{"ann": "AAAA$AAA"}',
            b'{"ann": "A A==$AAAA"}',
            b'{"ben": "$AAAA"}',
            b'{"ann": "$argon2id$v=19$m=64$AAAA$AAAA"}',
            '{"ann": "AAAA$Ä==="}'.encode(),
        ),
    ],
)
def test_a_damaged_file_is_refused_and_stays_as_it_is(
    accounts: Accounts, tmp_path: Path, content: bytes
) -> None:
    """Else a server with a damaged file would let everyone in."""
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / ACCOUNTS_NAME
    file.write_bytes(content)
    for act in (
        accounts.names,
        lambda: accounts.holds("ann", PASSWORD),
        lambda: accounts.add("ann", PASSWORD),
        lambda: accounts.remove("ann"),
    ):
        with pytest.raises(ConfigError, match=ACCOUNTS_NAME):
            act()
    assert file.read_bytes() == content
