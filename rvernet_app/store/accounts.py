"""Accounts of a server: names, password hashes and who is an admin, in a file of the data folder.

The file is {name: {"hash", "id", "admin"}}; files from before are {name: hash} and still count. A second file
beside it says that visitors have to log in. It stays when the accounts are lost, so that a server that had
accounts is never open by mistake.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rvernet_app import files
from rvernet_app.errors import ConfigError
from rvernet_app.store import passwords
from rvernet_app.store.shared_file import SharedFile

log = logging.getLogger(__name__)

ACCOUNTS_NAME = "accounts.json"
REQUIRED_NAME = "accounts-required"
REQUIRED_TEXT = "Visitors of this server have to log in, also if accounts.json is missing.\n"
MIN_PASSWORD = 8
NO_ADMIN = "No account is an admin of this server. Name one: rvernet accounts admin NAME"


@dataclass(frozen=True)
class Account:
    """An account.

    Attributes:
        hash: hash of the password, see `passwords`.
        id: a secret that changes with the password. Another account of the same name has another one.
        admin: whether the person runs the server.
    """

    hash: str
    id: str
    admin: bool

    @classmethod
    def of_today(cls, password: str, *, admin: bool) -> Account:
        """Return an account with a new id."""
        return cls(passwords.hash_of(password), secrets.token_hex(16), admin)


class Accounts:
    """The accounts of a data folder. Changes count at once, also in a server that runs.

    Safe between threads and between processes.
    """

    def __init__(self, folder: Path) -> None:
        self._file: SharedFile[Mapping[str, Account]] = SharedFile(folder / ACCOUNTS_NAME, _parse, {})
        self._required = folder / REQUIRED_NAME
        self._nobodys = ""

    def names(self) -> list[str]:
        """Return the names of all accounts, sorted.

        Raises:
            ConfigError: the file is damaged.
        """
        return sorted(self._file.read())

    def admins(self) -> list[str]:
        """Return the names of the accounts that run the server, sorted.

        Raises:
            ConfigError: the file is damaged.
        """
        return sorted(name for name, account in self._file.read().items() if account.admin)

    def is_admin(self, name: str) -> bool:
        """Return whether there is an account of this name that runs the server.

        Raises:
            ConfigError: the file is damaged.
        """
        account = self.get(name)
        return account is not None and account.admin

    def get(self, name: str) -> Account | None:
        """Return the account of a name.

        Raises:
            ConfigError: the file is damaged.
        """
        return self._file.read().get(name)

    def required(self) -> bool:
        """Return whether visitors have to log in: there are or were accounts, or their file is damaged."""
        try:
            return bool(self._file.read()) or self._required.exists()
        except (ConfigError, OSError):
            return True

    def require(self) -> None:
        """Have visitors log in from now on, also while there are no accounts.

        Raises:
            ConfigError: the data folder cannot be written.
        """
        if self._required.exists():
            return
        try:
            files.write(self._required, REQUIRED_TEXT, durable=True)
        except OSError as error:
            raise ConfigError(f"{self._required} cannot be written: {error.strerror or error}.") from error

    def let_everyone_in(self) -> None:
        """Have nobody log in from now on.

        Raises:
            ConfigError: there are accounts, or their file is damaged.
        """
        with self._file.changing():
            if names := self.names():
                raise ConfigError(f"There are accounts, {names[0]!r} for example. Remove them first.")
            self._required.unlink(missing_ok=True)

    def check(self) -> None:
        """Make sure that a server with this data folder can start.

        Raises:
            ConfigError: the file is damaged, or people have to log in and there are no accounts.
        """
        if self.names():
            self.require()
            if not self.admins():
                log.warning(NO_ADMIN)
        elif self._required.exists():
            raise ConfigError(
                "People have to log in to this server, and it has no accounts. "
                "Add one with `rvernet accounts add NAME`, or let everyone in with `rvernet accounts open`."
            )

    def add(self, name: str, password: str, *, admin: bool = False) -> None:
        """Add an account, or give an account another password. The first account is an admin.

        Args:
            admin: True makes an account an admin that is there already, too.

        Raises:
            ConfigError: the name is empty, the password is too short, or the file cannot be written.
        """
        name = " ".join(name.split())
        if not name or len(password) < MIN_PASSWORD:
            raise ConfigError(f"An account has a name, and a password of {MIN_PASSWORD} characters or more.")
        made = Account.of_today(password, admin=admin)
        with self._file.changing():
            known = self._file.read()
            was_admin = known[name].admin if name in known else not known
            self.require()
            self._write({**known, name: replace(made, admin=admin or was_admin)})

    def remove(self, name: str) -> None:
        """Remove an account; what was saved under its name stays. One has to log in even after the last.

        Raises:
            ConfigError: there is no such account, it is the last admin, or the file cannot be written.
        """
        with self._file.changing():
            known = self._known_with(name)
            self._write_with_admin({other: kept for other, kept in known.items() if other != name}, name)

    def set_admin(self, name: str, *, admin: bool) -> None:
        """Make an account an admin of the server, or one of the others.

        Raises:
            ConfigError: there is no such account, it is the last admin, or the file cannot be written.
        """
        with self._file.changing():
            known = self._known_with(name)
            self._write_with_admin({**known, name: replace(known[name], admin=admin)}, name)

    def find(self, name: str, password: str) -> Account | None:
        """Return the account of a name if this is its password; it takes as long if there is no such account.

        This takes 64 MiB and a good part of a second, so the caller bounds how many run at once. A hash of
        before is replaced; until then it can take another time than those of today.

        Raises:
            ConfigError: the file is damaged.
        """
        self._nobodys = self._nobodys or passwords.hash_of("")
        account = self.get(name)
        if account is None:
            passwords.matches(self._nobodys, password)
            return None
        if not passwords.matches(account.hash, password):
            return None
        if passwords.is_outdated(account.hash):
            self._replace(name, account, replace(account, hash=passwords.hash_of(password)))
        return account

    def _replace(self, name: str, old: Account, new: Account) -> None:
        """Keep a newer hash of the same password, unless the password was changed meanwhile."""
        try:
            with self._file.changing():
                known = self._file.read()
                if known.get(name) == old:
                    self._write({**known, name: new})
        except ConfigError as error:  # the password was right all the same
            log.warning("The hash of a password stays as it was: %s", error)

    def _known_with(self, name: str) -> Mapping[str, Account]:
        known = self._file.read()
        if name not in known:
            raise ConfigError(f"There is no account {name!r}.")
        self.require()
        return known

    def _write_with_admin(self, accounts: Mapping[str, Account], changed: str) -> None:
        """Write the accounts, unless that would leave a server that has an admin without one."""
        if accounts and self.admins() and not any(account.admin for account in accounts.values()):
            raise ConfigError(
                f"{changed!r} is the last admin. Name another one first: rvernet accounts admin NAME"
            )
        self._write(accounts)

    def _write(self, accounts: Mapping[str, Account]) -> None:
        self._file.write({name: asdict(account) for name, account in accounts.items()})


def _parse(found: object) -> Mapping[str, Account]:
    """Return the accounts of a file of today or of before.

    Raises:
        ValueError: it is not a list of accounts.
    """
    if not isinstance(found, dict):
        raise ValueError("it is not a list of accounts")
    if found and all(map(passwords.is_hash, found.values())):  # a file of before, which knows no admins
        return {
            name: Account(kept, hashlib.sha256(kept.encode()).hexdigest()[:32], admin=len(found) == 1)
            for name, kept in found.items()
        }
    return {name: _account(kept) for name, kept in found.items()}


def _account(found: object) -> Account:
    match found:
        case {"hash": str(kept), "id": str(secret), "admin": bool(admin)} if passwords.is_hash(kept):
            if len(secret) >= 32:
                return Account(kept, secret, admin)
    raise ValueError("it is not a list of accounts")
