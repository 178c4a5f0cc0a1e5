"""Serve the page until it is interrupted or told to end."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType

import uvicorn

from rvernet_app import files, scratch
from rvernet_app.config import AppConfig
from rvernet_app.errors import ConfigError, RvernetError
from rvernet_app.exchange.backup import PHOTO_FOLDERS
from rvernet_app.exchange.hub_copy import open_copied
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.store.accounts import Accounts
from rvernet_app.store.files import THUMBNAILS
from rvernet_app.ui.access import end_streams, keeping_uploads, signs_in
from rvernet_app.ui.gate.connections import (
    BACKLOG,
    Connections,
    Patience,
    PatientProtocol,
    raise_file_limit,
    seldom,
)
from rvernet_app.ui.gate.gate import Gate
from rvernet_app.ui.listening import close, listen, page_address, port_of
from rvernet_app.ui.page import build_demo, web_app
from rvernet_app.ui.project.training_runs import FOLDER_NAME as TRAININGS
from rvernet_app.ui.signin.sign_in import SignIn

PATIENCE = Patience()
END_SECONDS = 5
"""How long the server waits for requests under way when it ends."""


def serve(config: AppConfig) -> None:
    """Build the page and serve it; return when it has ended.

    Visitors log in if the data folder has accounts. What was saved last is pushed to the copy on the Hub, if
    one is configured, before this returns.

    Raises:
        RvernetError: the page cannot start.
    """
    with closing_in_order() as resources:
        sockets = listen(config.host, config.port)
        resources.callback(close, sockets)
        _require_data_folder(config)
        _remove_unfinished(config)
        cache = PhotoCache(config)
        cache.claim()
        resources.enter_context(scratch.held(cache.folder))
        resources.enter_context(keeping_uploads())
        accounts = Accounts(config.data_dir)
        accounts.check()
        if not accounts.required():
            _require_yes(config)
        copy = None
        if config.hub_dataset:
            copy = open_copied(config.hub_dataset, config.data_dir, config.database_url or None)
            resources.callback(copy.close)
            if signs_in() and not accounts.names():
                accounts.let_everyone_in()  # people sign in with Hugging Face instead
            accounts.check()  # the copy may be that of a server with accounts
        sign_in = SignIn.of(config)
        resources.callback(sign_in.close)
        demo = build_demo(config, copy=copy)
        # The server ends before copy.close, so that the last push has all that was saved.
        ended = resources.enter_context(running(web_app(demo, config, sign_in), sockets))
        print(f"RveRNet is at {page_address(config.host, port_of(sockets))}", flush=True)
        while not ended.wait(1.0):  # without a limit, Ctrl+C would not be heard on Windows
            pass


def _require_data_folder(config: AppConfig) -> None:
    """Raise ConfigError if the data folder cannot be written; the store would say so, but much later."""
    try:
        files.try_folder(config.data_dir)
    except OSError as error:
        raise ConfigError(
            f"Projects cannot be kept in {config.data_dir} ({error.strerror or error}). "
            "Set RVERNET_DATA_DIR to a folder that this account can write."
        ) from error


def _require_yes(config: AppConfig) -> None:
    """Raise ConfigError if everyone who reaches the page could use it and nobody has said that they may."""
    if config.is_reachable and not signs_in() and not config.open_to_all:
        raise ConfigError(
            "Other machines can reach this page, and it has no accounts. Add one with `rvernet accounts add "
            "NAME`, or set RVERNET_OPEN_TO_ALL=yes if everyone may use it."
        )


def _remove_unfinished(config: AppConfig) -> None:
    """Remove the unfinished files that killed programs left in the data folder and among the weights."""
    scratch.remove_unfinished(config.data_dir, below=(*PHOTO_FOLDERS, THUMBNAILS, TRAININGS))
    scratch.remove_dead(config.data_dir)
    scratch.remove_unfinished(config.weights_dir)


@contextmanager
def running(
    gate: Gate, sockets: list[socket.socket], patience: Patience = PATIENCE
) -> Iterator[threading.Event]:
    """Serve in a thread while the block runs; yields an event that is set if the server ends by itself.

    Raises:
        RvernetError: the server did not start.
    """
    started, ended = threading.Event(), threading.Event()
    server = _Server(_server_config(gate, patience), started)

    def run() -> None:
        try:
            server.run(sockets)
        except SystemExit:  # uvicorn ends so if the app does not start; it has logged why
            pass
        finally:
            ended.set()
            started.set()

    thread = threading.Thread(target=run, name="server", daemon=True)
    thread.start()
    started.wait()
    if ended.is_set():
        raise RvernetError("The page could not start; the log says why.")
    try:
        yield ended
    finally:
        end_streams(gate.site)
        server.should_exit = True
        thread.join(2 * END_SECONDS)


def _server_config(gate: Gate, patience: Patience) -> uvicorn.Config:
    """Return how the server speaks HTTP: patiently, but not for ever."""
    connections = Connections.for_files(raise_file_limit(), gate.rules.proxies)
    protocol = partial(PatientProtocol, connections=connections, patience=patience)
    config = uvicorn.Config(
        gate,
        http=protocol,  # type: ignore[arg-type]  # it is called like a class
        ws="none",
        log_config=None,  # its own would write tracebacks past the formatter of this program
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=END_SECONDS,
    )
    for name in ("uvicorn.error", "asyncio"):
        seldom(name)
    return config


class _Server(uvicorn.Server):
    """A server that tells when it answers."""

    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._answers = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._answers.set()


@contextmanager
def closing_in_order() -> Iterator[ExitStack]:
    """Close what is registered with the yielded stack when the block ends, the latest first.

    SIGTERM ends the block by SystemExit, as if `sys.exit(0)` had been called; while things are closed, it is
    ignored. Call this in the main thread.
    """
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        with ExitStack() as resources:
            try:
                yield resources
            finally:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
