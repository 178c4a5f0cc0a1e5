"""Logging in and out, and who a browser belongs to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import HTTPConnection

from rvernet_app.config import AppConfig
from rvernet_app.errors import ConfigError
from rvernet_app.store.accounts import Account, Accounts
from rvernet_app.ui.signin import cookies as jar
from rvernet_app.ui.signin.attempts import Attempts
from rvernet_app.ui.signin.sessions import Sessions

log = logging.getLogger(__name__)

MOST_WAITING = 8
"""Passwords that wait to be checked; a known browser may be one of twice as many."""
BUSY_SECONDS = 2.0
HOUR = 3600.0


@dataclass(frozen=True)
class Entered:
    """Somebody has logged in.

    Attributes:
        token: the token of the session.
        mark: what the browser is known by from now on, see `cookies`.
    """

    token: str
    mark: str


class WrongPasswordError(Exception):
    """The name and the password do not belong together."""


class WaitError(Exception):
    """The attempt was not looked at.

    Attributes:
        seconds: after which the next one may be.
        busy: True if too many others are logging in; False if one has failed too often.
    """

    def __init__(self, seconds: float, *, busy: bool) -> None:
        super().__init__(f"wait {seconds} seconds")
        self.seconds = seconds
        self.busy = busy


class SignIn:
    """The log-in of a server. Gradio calls it to learn whether a request may pass.

    Where nobody has to log in, everybody passes. Where the accounts are missing or cannot be read, nobody
    does; sessions count again when they can.
    """

    def __init__(self, accounts: Accounts, sessions: Sessions, attempts: Attempts) -> None:
        self._accounts = accounts
        self.sessions = sessions
        self._attempts = attempts
        # One thread, because a hash takes 64 MiB and all cores; it does not hold the event loop's thread.
        self._hashing = ThreadPoolExecutor(1, "log-in")
        self._keeping = ThreadPoolExecutor(1, "sessions")
        self._waiting = 0
        self._unreadable = False

    @classmethod
    def of(cls, config: AppConfig) -> SignIn:
        """Return the log-in that a configuration describes."""
        sessions = Sessions(
            Path(config.data_dir),
            idle_s=config.session_idle_hours * HOUR,
            longest_s=config.session_hours * HOUR,
        )
        return cls(Accounts(config.data_dir), sessions, Attempts())

    def __call__(self, request: HTTPConnection) -> str | None:
        """Return the name of who sends a request, "" where nobody logs in, None if it may not pass."""
        return self.passes(request.cookies)

    def passes(self, cookies: Mapping[str, str]) -> str | None:
        """Return the account of a browser, "" where nobody logs in, None if its requests may not pass."""
        return self.name_of(cookies) if self.required() else ""

    def required(self) -> bool:
        """Return whether visitors have to log in; the answer can change while the server runs."""
        return self._accounts.required()

    def is_ready(self) -> bool:
        """Return whether somebody could log in: the accounts can be read, and there are some."""
        try:
            ready = bool(self._accounts.names())
        except ConfigError as error:
            if not self._unreadable:
                log.error("Nobody can use the page: %s", error)
            self._unreadable = True
            return False
        self._unreadable = False
        return ready

    def name_of(self, cookies: Mapping[str, str]) -> str | None:
        """Return the account that a browser is logged in to, from its cookies; None if there is none."""
        token = jar.read(cookies, jar.SESSION)
        session = None if token is None else self.sessions.find(token)
        if session is None or not self.is_ready():
            return None
        account = self._account(session.name)
        if account is None or account.id != session.account:  # removed, or another password since
            return None
        if self.sessions.is_due():
            self._keeping.submit(self._keep)
        return session.name

    async def log_in(self, name: str, password: str, address: str, cookies: Mapping[str, str]) -> Entered:
        """Check a password and start a session in place of the browser's session so far.

        Raises:
            WrongPasswordError: name and password do not belong together.
            WaitError: it was not checked.
            ConfigError: the accounts cannot be read, or the session cannot be written.
        """
        account = self._account(name)
        mark = jar.read(cookies, jar.BROWSER)
        browser = None if account is None else jar.known_browser(mark, name, account.id)
        if self._waiting >= MOST_WAITING * (1 if browser is None else 2):
            raise WaitError(BUSY_SECONDS, busy=True)
        if wait := self._attempts.begin(name, address, browser):
            raise WaitError(wait, busy=False)
        found = await self._checked(name, password)
        if found is None:
            raise WrongPasswordError
        self._attempts.succeeded(name, address, browser)
        started = self.sessions.start
        token = await asyncio.to_thread(started, name, found.id, jar.read(cookies, jar.SESSION))
        return Entered(token, jar.browser_mark(name, found.id))

    def log_out(self, cookies: Mapping[str, str], *, everywhere: bool) -> None:
        """End a browser's session, or all sessions of its account.

        Raises:
            ConfigError: the sessions cannot be written.
        """
        token = jar.read(cookies, jar.SESSION)
        session = None if token is None else self.sessions.find(token)
        if token is None or session is None:
            return
        if everywhere:
            self.sessions.end_all(session.name)
        else:
            self.sessions.end(token)

    def close(self) -> None:
        """Write when the sessions were used last. Nobody logs in any more."""
        self._hashing.shutdown(cancel_futures=True)
        self._keeping.shutdown()
        self._keep()

    async def _checked(self, name: str, password: str) -> Account | None:
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._hashing, self._accounts.find, name, password)
        finally:
            self._waiting -= 1

    def _account(self, name: str) -> Account | None:
        try:
            return self._accounts.get(name)
        except ConfigError:  # said by is_ready
            return None

    def _keep(self) -> None:
        try:
            self.sessions.keep()
        except ConfigError as error:
            log.warning("The sessions are not kept: %s", error)
