"""Accounts of a server: names and passwords, which are kept as salted scrypt hashes (RFC 7914) only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rvernet_app.errors import ConfigError

ACCOUNTS_NAME = "accounts.json"
MIN_PASSWORD = 8
SALT_BYTES = 16
COST = {"n": 2**14, "r": 8, "p": 1}


class Accounts:
    """The accounts in a data folder; where there are none, nobody has to log in."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ACCOUNTS_NAME

    def names(self) -> list[str]:
        """Of all accounts, sorted. Raises ConfigError where the file is damaged."""
        return sorted(self._read())

    def add(self, name: str, password: str) -> None:
        """Add an account, or give one another password.

        Raises:
            ConfigError: the name is empty, or the password too short.
        """
        name = " ".join(name.split())
        if not name or len(password) < MIN_PASSWORD:
            raise ConfigError(f"An account has a name, and a password of {MIN_PASSWORD} characters or more.")
        salt = secrets.token_bytes(SALT_BYTES)
        self._write({**self._read(), name: f"{_text(salt)}${_text(_hash(password, salt))}"})

    def remove(self, name: str) -> None:
        """Take an account away; what was saved under it stays. Raises ConfigError where there is none."""
        known = self._read()
        if name not in known:
            raise ConfigError(f"There is no account {name!r}.")
        self._write({other: kept for other, kept in known.items() if other != name})

    def holds(self, name: str, password: str) -> bool:
        """Whether this is the password of that account; takes as long where there is no such account."""
        salt, wanted = self._read().get(name, f"{_text(bytes(SALT_BYTES))}${_text(bytes(64))}").split("$")
        found = _hash(password, base64.b64decode(salt))
        return hmac.compare_digest(found, base64.b64decode(wanted)) and any(base64.b64decode(wanted))

    def _read(self) -> dict[str, str]:
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ConfigError(f"The accounts in {self._path} cannot be read: {error}.") from error
        if not isinstance(known, dict) or not all(map(_is_salt_and_hash, known.values())):
            raise ConfigError(f"{self._path} is not a list of accounts.")
        return known

    def _write(self, accounts: Mapping[str, str]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False, encoding="utf-8") as part:
            json.dump(accounts, part, indent=1)
        Path(part.name).chmod(0o600)
        Path(part.name).replace(self._path)


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **COST)


def _is_salt_and_hash(kept: object) -> bool:
    if not isinstance(kept, str) or kept.count("$") != 1:
        return False
    try:
        return all(base64.b64decode(part, validate=True) for part in kept.split("$"))
    except ValueError:
        return False


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
