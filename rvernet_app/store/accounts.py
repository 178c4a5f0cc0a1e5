"""Accounts of a server: names and password hashes, in a file of the data folder.

Passwords are hashed with Argon2id (RFC 9106). Hashes from before are scrypt's (RFC 7914); they still count,
and the next login replaces them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path

import argon2

from rvernet_app.errors import ConfigError
from rvernet_app.files import replacing
from rvernet_app.scratch import held

log = logging.getLogger(__name__)

ACCOUNTS_NAME = "accounts.json"
MIN_PASSWORD = 8
SCRYPT_COST = {"n": 2**14, "r": 8, "p": 1}

_hasher = argon2.PasswordHasher()


class Accounts:
    """The accounts of a data folder. If there are none, nobody has to log in. Safe between threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ACCOUNTS_NAME
        self._lock = threading.Lock()
        self._nobodys = ""

    def names(self) -> list[str]:
        """Return the names of all accounts, sorted.

        Raises:
            ConfigError: the file is damaged.
        """
        return sorted(self._read())

    def add(self, name: str, password: str) -> None:
        """Add an account, or give an account another password.

        Raises:
            ConfigError: the name is empty, the password is too short, or the file cannot be written.
        """
        name = " ".join(name.split())
        if not name or len(password) < MIN_PASSWORD:
            raise ConfigError(f"An account has a name, and a password of {MIN_PASSWORD} characters or more.")
        kept = _hasher.hash(password)
        with self._lock:
            self._write({**self._read(), name: kept})

    def remove(self, name: str) -> None:
        """Remove an account; what was saved under its name stays.

        Raises:
            ConfigError: there is no such account, or the file cannot be written.
        """
        with self._lock:
            known = self._read()
            if name not in known:
                raise ConfigError(f"There is no account {name!r}.")
            self._write({other: kept for other, kept in known.items() if other != name})

    def is_admin(self, name: str) -> bool:
        """Return whether an account runs the server: the first one does.

        Raises:
            ConfigError: the file is damaged.
        """
        return next(iter(self._read()), None) == name

    def holds(self, name: str, password: str) -> bool:
        """Return whether a password is that of an account; this takes as long if there is no such account.

        Raises:
            ConfigError: the file is damaged.
        """
        kept = self._read().get(name)
        if kept is None:
            self._nobodys = self._nobodys or _hasher.hash("")
            _matches(self._nobodys, password)
            return False
        if not _matches(kept, password):
            return False
        if _is_scrypt(kept) or _hasher.check_needs_rehash(kept):
            self._replace(name, kept, _hasher.hash(password))
        return True

    def _replace(self, name: str, old: str, new: str) -> None:
        """Keep a newer hash of the same password, unless the password was changed meanwhile."""
        try:
            with self._lock:
                known = self._read()
                if known.get(name) == old:
                    self._write({**known, name: new})
        except ConfigError as error:  # the password was right all the same
            log.warning("The hash of a password stays as it was: %s", error)

    def _read(self) -> dict[str, str]:
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ConfigError(f"The accounts in {self._path} cannot be read: {error}.") from error
        if not isinstance(known, dict) or not all(map(_is_hash, known.values())):
            raise ConfigError(f"{self._path} is not a list of accounts.")
        return known

    def _write(self, accounts: Mapping[str, str]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with held(self._path.parent), replacing(self._path, durable=True) as unfinished:
                unfinished.touch(mode=0o600)
                unfinished.write_text(json.dumps(accounts, indent=1), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be written: {error.strerror or error}.") from error


def _matches(kept: str, password: str) -> bool:
    if _is_scrypt(kept):
        salt, wanted = (base64.b64decode(part) for part in kept.split("$"))
        return hmac.compare_digest(hashlib.scrypt(password.encode(), salt=salt, **SCRYPT_COST), wanted)
    try:
        return _hasher.verify(kept, password)
    except argon2.exceptions.VerificationError:
        return False


def _is_hash(kept: object) -> bool:
    if not isinstance(kept, str):
        return False
    try:
        argon2.extract_parameters(kept)
    except argon2.exceptions.InvalidHashError:
        return _is_scrypt(kept)
    return True


def _is_scrypt(kept: str) -> bool:
    """Return whether this is "salt$hash", both in base64."""
    if kept.count("$") != 1:
        return False
    try:
        return all(base64.b64decode(part, validate=True) for part in kept.split("$"))
    except ValueError:
        return False
