"""Who is logged in: sessions that end, in a file that holds only the hashes of their tokens."""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rvernet_app.errors import ConfigError
from rvernet_app.store.shared_file import SharedFile

log = logging.getLogger(__name__)

SESSIONS_NAME = "sessions.json"
TOKEN_BYTES = 32
LONGEST_TOKEN = 100
PER_ACCOUNT = 20
"""Sessions of one account; a further one ends the one that was used least recently."""
KEEP_SECONDS = 300
"""How old the moments of last use in the file may be while the server runs."""


@dataclass(frozen=True)
class Session:
    """A browser that is logged in.

    Attributes:
        name: name of the account.
        account: id of the account at log-in; it changes with the password.
        started, used: seconds since the epoch.
    """

    name: str
    account: str
    started: float
    used: float


class Sessions:
    """The sessions of a data folder. They survive a restart. Safe between threads and between processes."""

    def __init__(
        self, folder: Path, *, idle_s: float, longest_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        """Name the data folder.

        Args:
            idle_s: a session ends when it was not used for so many seconds.
            longest_s: a session ends so many seconds after it started.
            clock: returns seconds since the epoch.
        """
        self._file: SharedFile[Mapping[str, Session]] = SharedFile(folder / SESSIONS_NAME, _parse, {})
        self._idle_s = idle_s
        self.longest_s = longest_s
        self._clock = clock
        self._used: dict[str, float] = {}
        self._kept_at = clock()
        self._damaged = False

    def start(self, name: str, account: str, instead_of: str | None = None) -> str:
        """Start a session and return its token, 43 characters of 256 random bits.

        Args:
            instead_of: token of the browser's session so far, which ends.

        Raises:
            ConfigError: the file cannot be written.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now = self._clock()
        with self._file.changing():
            known = self._alive()
            known.pop(_key(instead_of or ""), None)
            own = [key for key, session in known.items() if session.name == name]
            own.sort(key=lambda key: known[key].used)
            for key in own[: max(0, len(own) - PER_ACCOUNT + 1)]:
                del known[key]
            self._write({**known, _key(token): Session(name, account, now, now)})
        return token

    def find(self, token: str) -> Session | None:
        """Return the session of a token and note that it was used; None if it is unknown or has ended."""
        if len(token) > LONGEST_TOKEN:
            return None
        key, now = _key(token), self._clock()
        session = self._read().get(key)
        if session is None or not self._is_alive(self._with_use(key, session), now):
            return None
        self._used[key] = now
        return session

    def end(self, token: str) -> None:
        """End the session of a token.

        Raises:
            ConfigError: the file cannot be written.
        """
        self._drop(lambda key, _: key == _key(token))

    def end_all(self, name: str) -> None:
        """End all sessions of an account.

        Raises:
            ConfigError: the file cannot be written.
        """
        self._drop(lambda _, session: session.name == name)

    def is_due(self) -> bool:
        """Return whether `keep` should be called: the file knows too little of what was used since."""
        return bool(self._used) and self._clock() - self._kept_at > KEEP_SECONDS

    def keep(self) -> None:
        """Write when sessions were used, so that a restart ends none too early.

        Raises:
            ConfigError: the file cannot be written.
        """
        if self._used:
            self._drop(lambda _key, _session: False)

    def _drop(self, ends: Callable[[str, Session], bool]) -> None:
        with self._file.changing():
            self._write({key: one for key, one in self._alive().items() if not ends(key, one)})

    def _alive(self) -> dict[str, Session]:
        now = self._clock()
        known = {key: self._with_use(key, session) for key, session in self._read().items()}
        return {key: session for key, session in known.items() if self._is_alive(session, now)}

    def _with_use(self, key: str, session: Session) -> Session:
        return replace(session, used=max(session.used, self._used.get(key, 0.0)))

    def _is_alive(self, session: Session, now: float) -> bool:
        return now - session.used <= self._idle_s and now - session.started <= self.longest_s

    def _read(self) -> Mapping[str, Session]:
        """Return what the file knows; a damaged one knows nobody, so that all log in again."""
        try:
            return self._file.read()
        except ConfigError as error:
            if not self._damaged:
                log.warning("Everybody has to log in again: %s", error)
            self._damaged = True
            return {}

    def _write(self, sessions: Mapping[str, Session]) -> None:
        self._file.write({key: asdict(session) for key, session in sessions.items()})
        self._used = {key: at for key, at in self._used.items() if key in sessions}
        self._kept_at, self._damaged = self._clock(), False


def _key(token: str) -> str:
    """Return what the file knows a token by. The token is random, so its hash needs no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _parse(found: object) -> Mapping[str, Session]:
    """Raise ValueError if it is not a list of sessions."""
    if not isinstance(found, dict):
        raise ValueError("it is not a list of sessions")
    return {key: _session(session) for key, session in found.items()}


def _session(found: object) -> Session:
    match found:
        case {
            "name": str(name),
            "account": str(account),
            "started": int(started) | float(started),
            "used": int(used) | float(used),
        }:
            return Session(name, account, float(started), float(used))
    raise ValueError("it is not a list of sessions")
