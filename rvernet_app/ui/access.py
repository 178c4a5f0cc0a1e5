"""Who a visitor is, and what else the page needs of Gradio's internals. No other module touches those."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
from fastapi import FastAPI
from gradio import processing_utils, route_utils, routes, utils
from starlette.routing import Mount

from rvernet_app import files, scratch
from rvernet_app.errors import ConfigError, PhotoError, RvernetError
from rvernet_app.store.roles import Actor
from rvernet_app.ui.requests import Signed
from rvernet_app.ui.signin.sign_in import SignIn

UPLOADS_VARIABLE = "GRADIO_TEMP_DIR"

MAX_SESSIONS = 1000
"""How many open pages are remembered. A forgotten one goes on; it only loses the numbers of its requests."""


class LoginError(RvernetError):
    """Nobody is logged in where one has to be."""


class Login(Protocol):
    """The part of Gradio's app that knows who is logged in; None on an app that knows no log-in."""

    auth_dependency: SignIn | None


def visitor(
    message: object, request: Any, profile: gr.OAuthProfile | None, is_admin: Callable[[str], bool]
) -> Actor:
    """Return whom a request comes from.

    The name is the account logged in to this server if it has accounts, else the Hugging Face account on a
    Space, else what the message says, else the user this program runs under.

    Args:
        message: its "me" counts only where nobody logs in.
        request: the HTTP request; Gradio hands FastAPI's own to server functions.
        profile: the Hugging Face account that is signed in.
        is_admin: says whether somebody who has logged in runs the server.

    Raises:
        LoginError: one has to log in first, or again.
        PromptError: "me" is not a name.
    """
    known = _account_of(request, profile)
    if known is not None:
        return Actor(_one_line(known), is_admin(_one_line(known)))
    return Actor(_one_line(Signed.read(message).me or default_name()), is_admin=True, alone=True)


def _account_of(request: Any, profile: gr.OAuthProfile | None) -> str | None:
    """Return the name of who has logged in; None where nobody logs in.

    Raises:
        LoginError: one has to log in first, or again.
    """
    app: Login = request.app
    sign_in = app.auth_dependency
    if sign_in is not None and sign_in.required():
        name = sign_in.name_of(request.cookies)
        if name is None:
            raise LoginError("Log in first: what is saved carries its annotator's name.")
        return name
    if profile is not None:
        return str(profile.username)
    if signs_in():
        raise LoginError("Sign in with Hugging Face first: what is saved carries its annotator's name.")
    return None


def _one_line(name: str) -> str:
    return " ".join(name.split())


def signs_in() -> bool:
    """Return whether visitors sign in with Hugging Face: on a Space."""
    return "SPACE_ID" in os.environ


def default_name() -> str:
    """Return the name of the user this program runs under."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "annotator"


def message_of(event: gr.EventData) -> object:
    """Return the untrusted JSON that came with a custom event."""
    return event._data


def session_of(request: Any) -> str:
    """Return what tells the page that asks from other pages; its address where it says nothing.

    Args:
        request: of an event or an endpoint, or FastAPI's own that a server function gets; None is one page.
    """
    session = getattr(request, "session_hash", None)
    if session is None:  # Gradio has read the body of a server function, and Starlette keeps what it read
        body = getattr(request, "_json", None)
        session = body.get("session_hash") if isinstance(body, Mapping) else None
    client = getattr(request, "client", None)
    return str(session or getattr(client, "host", ""))


def is_awaited(request: gr.Request | None) -> bool:
    """Return False once the page that an event came from is closed, has no connection, or fetches nothing."""
    if request is None or request.request is None:
        return True
    queue = request.request.app.get_blocks()._queue
    unread = queue.pending_messages_per_session.get(request.session_hash)
    if unread is not None and unread.qsize() >= UNREAD_IGNORED:
        return False
    under_way = (event for job in queue.active_jobs for event in job or ())
    return any(event.alive for event in under_way if event.session_hash == request.session_hash)


def uploads_folder() -> Path:
    """Return the folder of uploaded files and of files that the page may fetch."""
    return Path(utils.get_upload_folder())


@contextmanager
def keeping_uploads() -> Iterator[None]:
    """Keep uploads in a new folder that only this account can read, and remove it when the block ends.

    Gradio's own choice is one folder for all accounts of the machine, which belongs to the first of them. The
    new folder is in the one named by GRADIO_TEMP_DIR, or else in the temporary folder. Those that killed
    servers left there are removed.

    Raises:
        ConfigError: the folder cannot be written.
    """
    chosen = os.environ.get(UPLOADS_VARIABLE)
    with ExitStack() as resources:
        try:
            if chosen:
                files.try_folder(Path(chosen))
            parent = Path(chosen) if chosen else None
            scratch.remove_dead(parent)
            folder = resources.enter_context(scratch.scratch_folder("uploads", parent))
        except OSError as error:
            place, variable = (chosen, UPLOADS_VARIABLE) if chosen else ("the temporary folder", "TMPDIR")
            raise ConfigError(
                f"Uploads cannot be kept in {place} ({error.strerror or error}). "
                f"Set {variable} to a folder that this account can write."
            ) from error
        os.environ[UPLOADS_VARIABLE] = str(folder)
        try:
            yield
        finally:
            os.environ.pop(UPLOADS_VARIABLE)
            if chosen:
                os.environ[UPLOADS_VARIABLE] = chosen


def check_paths(demo: gr.Blocks) -> None:
    """Have Gradio refuse files that were not uploaded; it does so only in an app that it launched itself."""
    demo.has_launched = True


def bound_memory(demo: gr.Blocks) -> None:
    """Bound what Gradio keeps of each page and each request; its own bounds are 10,000 of both.

    It also counts statistics of all requests that it keeps after each one, which nobody reads here.
    """
    demo.state_session_capacity = MAX_SESSIONS
    demo._queue.pending_messages_per_session = _Unread(demo._queue)
    demo._queue.ANALYTICS_MAX_EVENTS = 1
    demo._queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize


class _Unread(utils.LRUCache[str, "asyncio.Queue[Any]"]):
    """Messages that pages have not fetched yet, by session; Gradio would keep any number of them.

    Args:
        queue: Gradio's queue, which forgets the calls of a session along with its messages.
    """

    def __init__(self, queue: Any) -> None:
        super().__init__(MAX_UNREAD_PAGES)
        self._queue = queue

    def __setitem__(self, session: str, messages: asyncio.Queue[Any]) -> None:
        if session not in self and len(self) >= self.max_size:
            self._queue.pending_event_ids_session.pop(next(iter(self)), None)
        super().__setitem__(session, _FewMessages())


class _FewMessages(asyncio.Queue[Any]):
    """A queue that drops what comes when it is full."""

    def put_nowait(self, item: Any) -> None:
        if self.qsize() < MAX_UNREAD:
            super().put_nowait(item)


def let_wait(demo: gr.Blocks, count: int) -> None:
    """Let so many events wait at once; of more, Gradio would not even begin to answer the first."""
    demo._queue.max_thread_count = count


def gradio_apps(site: FastAPI) -> list[routes.App]:
    """Return the apps of Gradio that are mounted in a site."""
    mounted = [route.app for route in site.routes if isinstance(route, Mount)]
    return [app for app in mounted if isinstance(app, routes.App)]


def end_streams(site: FastAPI) -> None:
    """Let the streams of open pages end; a server that stops would wait for them."""
    for app in gradio_apps(site):
        app.stop_event.set()


def is_served(demo: gr.Blocks, path: str) -> bool:
    """Return whether the page may fetch a file: one that the program itself has offered."""
    return any(path in offered for offered in demo.temp_file_sets if offered is not demo.upload_file_set)


def queue_awaits(demo: gr.Blocks, asked: str) -> bool:
    """Return whether a session, or a call through the HTTP API, waits for answers; by its id."""
    queue = demo._queue
    return asked in queue.pending_messages_per_session or any(
        asked in calls for calls in list(queue.pending_event_ids_session.values())
    )


_unfinished: ContextVar[list[Path] | None] = ContextVar("_unfinished", default=None)


@contextmanager
def unfinished_uploads_removed() -> Iterator[None]:
    """Remove the files that Gradio began for an upload in the block and did not finish.

    Gradio leaves them if the visitor goes away or the upload is damaged. Those that it finished have moved.
    """
    vars(route_utils)["NamedTemporaryFile"] = _noted_file
    made: list[Path] = []
    before = _unfinished.set(made)
    try:
        yield
    finally:
        _unfinished.reset(before)
        for file in made:
            file.unlink(missing_ok=True)


def _noted_file(*args: Any, **options: Any) -> Any:
    """Make a temporary file, and note it for the upload that runs in this task."""
    file = tempfile.NamedTemporaryFile(*args, **options)  # noqa: SIM115  # the upload closes it
    made = _unfinished.get()
    if made is not None:
        made.append(Path(file.name))
    return file


def uploaded_file(path: object) -> Path:
    """Return an uploaded file by the path that the page got for it. No other file on the disk can be named.

    Raises:
        PhotoError: it is not an uploaded file.
    """
    uploads = uploads_folder().resolve()
    try:
        file = Path(path).resolve()  # type: ignore[arg-type]  # TypeError says that it is no path
        arrived = file.is_relative_to(uploads) and file.is_file()
    except (TypeError, ValueError, OSError):  # not a path, or one that no system could have
        arrived = False
    if not arrived:
        raise PhotoError("The upload did not arrive; open the photo again.")
    return file


class ServedFiles:
    """Files that the page may fetch. Gradio deletes them when they are old."""

    def __init__(self) -> None:
        self.paths: set[str] = set()

    def add(self, path: str | Path) -> str:
        """Let the page fetch a file of the uploads folder; return its address relative to the page."""
        self.paths.add(str(path))
        return f"gradio_api/file={path}"

    def write(self, data: bytes, name: str) -> str:
        """Write a file that the page may fetch; return its address relative to the page."""
        return self.add(processing_utils.save_bytes_to_cache(data, name, str(uploads_folder())))

    def clean_with(self, demo: gr.Blocks) -> None:
        """Have Gradio delete the files by the age given as `delete_cache`."""
        demo.temp_file_sets.append(self.paths)


MAX_UNREAD_PAGES, MAX_UNREAD = 512, 64
"""Pages for which messages are kept, and messages for each."""
UNREAD_IGNORED = 24
"""Messages that a page leaves unread before its questions are not answered any more. A page that is slow to
connect leaves up to five for each question."""
