"""`rvernet serve` starts and ends in order."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from rvernet_app.cli.main import main
from rvernet_app.config import AppConfig
from rvernet_app.errors import RvernetError
from rvernet_app.exchange.backup import restore
from rvernet_app.exchange.hub_copy import FOLDER, HubCopy, open_copied
from rvernet_app.store.accounts import ACCOUNTS_NAME, NO_ADMIN, Accounts
from rvernet_app.store.database import Store
from rvernet_app.store.passwords import hash_of
from rvernet_app.store.tables import Item
from rvernet_app.ui.access import uploads_folder
from rvernet_app.ui.document import TITLE
from rvernet_app.ui.listening import close, listen, port_of
from rvernet_app.ui.serve import closing_in_order
from rvernet_app.ui.signin.sign_in import SignIn
from tests.conftest import ROOT
from tests.rvernet_app.exchange.folder_hub import A_DAY, REPOSITORY, FolderHub
from tests.rvernet_app.store.desk import Desk, set_up


class Page:
    """A fake of the built page and of its server, which runs until the given event."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens = happens
        self.sign_in: SignIn | None = None
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def wait(self, seconds: float) -> bool:
        self._happens()
        return True


def web_app(page: Page, config: AppConfig, sign_in: SignIn) -> Page:
    page.sign_in = sign_in
    return page


@contextmanager
def running(page: Page, sockets: object) -> Iterator[Page]:
    try:
        yield page
    finally:
        page.close()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of the program, which leaves the memory settings of the tests unchanged and serves a
    fake page."""
    monkeypatch.setattr("rvernet_app.cli.main.keep_memory", lambda: None)
    monkeypatch.setenv("RVERNET_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("RVERNET_PHOTOS_DIR", str(tmp_path / "photos"))
    monkeypatch.setenv("RVERNET_PORT", "0")
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    monkeypatch.setattr("rvernet_app.ui.serve.web_app", web_app)
    monkeypatch.setattr("rvernet_app.ui.serve.running", running)
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def serve(monkeypatch: pytest.MonkeyPatch, page: Page) -> None:
    """Make the program serve this page."""

    def build_demo(config: AppConfig, copy: HubCopy | None) -> Page:
        assert copy is None
        return page

    monkeypatch.setattr("rvernet_app.ui.serve.build_demo", build_demo)


def test_sigterm_closes_the_page_and_exits_with_0(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(lambda: signal.raise_signal(signal.SIGTERM))
    serve(monkeypatch, page)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        main(["serve"])
    assert ended.value.code == 0
    assert page.closed
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_latest_resource_is_closed_first_and_sigterm_is_ignored_meanwhile() -> None:
    closed: list[str] = []
    with closing_in_order() as resources:
        resources.callback(closed.append, "first")
        resources.callback(signal.raise_signal, signal.SIGTERM)
        resources.callback(closed.append, "last")
    assert closed == ["last", "first"]


def test_the_page_is_open_if_there_are_no_accounts(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(lambda: None)
    serve(monkeypatch, page)
    assert main(["serve"]) == 0
    assert page.sign_in is not None
    assert not page.sign_in.required()


def test_the_page_asks_for_a_log_in_if_there_are_accounts(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(lambda: None)
    serve(monkeypatch, page)
    Accounts(data).add("Ann", "correct horse")
    assert main(["serve"]) == 0
    assert page.sign_in is not None
    assert page.sign_in.required()


def test_a_server_that_lost_its_accounts_does_not_start(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(monkeypatch, Page(lambda: pytest.fail("the page was served")))
    Accounts(data).add("Ann", "correct horse")
    (data / ACCOUNTS_NAME).unlink()
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == (
        "rvernet: People have to log in to this server, and it has no accounts. Add one with "
        "`rvernet accounts add NAME`, or let everyone in with `rvernet accounts open`.\n"
    )


def test_accounts_without_an_admin_are_mentioned_at_the_start(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    serve(monkeypatch, Page(lambda: None))
    kept = hash_of("correct horse")
    (data / ACCOUNTS_NAME).write_text(json.dumps({"Ann": kept, "Ben": kept}))
    assert main(["serve"]) == 0
    assert caplog.messages == [NO_ADMIN]


def test_damaged_accounts_are_reported_and_let_nobody_in(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "rvernet_app.ui.serve.build_demo", lambda config, copy: pytest.fail("the page was built")
    )
    (data / ACCOUNTS_NAME).write_text('{"Ann": "not$base64"}')
    assert main(["serve"]) == 2
    assert (
        capsys.readouterr().err
        == f"rvernet: {data / ACCOUNTS_NAME} is damaged: it is not a list of accounts.\n"
    )


def test_a_taken_port_is_one_line_before_anything_is_made(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = listen("127.0.0.1", 0)
    port = port_of(other)
    monkeypatch.setenv("RVERNET_PORT", str(port))
    assert main(["serve"]) == 2
    close(other)
    assert capsys.readouterr().err == (
        f"rvernet: Port {port} of 127.0.0.1 is taken, perhaps by another RveRNet. "
        "Set RVERNET_PORT to another number, or to 0 for any free port.\n"
    )
    assert list(data.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("RVERNET_DATA_DIR", "Projects cannot be kept in "),
        ("RVERNET_PHOTOS_DIR", "Opened photos cannot be kept in "),
        ("GRADIO_TEMP_DIR", "Uploads cannot be kept in "),
    ],
)
def test_a_folder_that_cannot_be_written_is_one_line_with_its_variable(
    variable: str,
    says: str,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (data / "file").write_text("")
    monkeypatch.setenv(variable, str(data / "file" / "below"))
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == (
        f"rvernet: {says}{data / 'file' / 'below'} (Not a directory). "
        f"Set {variable} to a folder that this account can write.\n"
    )


def test_uploads_are_kept_in_a_private_folder_that_goes_with_the_program(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []

    def look() -> None:
        seen.append(uploads_folder())
        assert stat.S_IMODE(seen[0].stat().st_mode) == 0o700
        (seen[0] / "a.jpg").write_text("uploaded")

    serve(monkeypatch, Page(look))
    assert main(["serve"]) == 0
    assert not seen[0].exists()
    assert "GRADIO_TEMP_DIR" not in os.environ


def test_uploads_go_below_a_folder_that_was_named_and_its_other_files_stay(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tmp_path / "uploads"
    chosen.mkdir()
    (chosen / "theirs").write_text("theirs")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(chosen))
    parents: list[Path] = []
    serve(monkeypatch, Page(lambda: parents.append(uploads_folder().parent)))
    assert main(["serve"]) == 0
    assert parents == [chosen]
    assert [path.name for path in chosen.iterdir()] == ["theirs"]
    assert os.environ["GRADIO_TEMP_DIR"] == str(chosen)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT ends a process at once on Windows")
def test_the_program_starts_behind_proxies_and_without_a_home_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    dead = "http://ann:secret@127.0.0.1:9"
    given = {"http_proxy": dead, "HTTPS_PROXY": dead, "ALL_PROXY": "socks5://ann:secret@127.0.0.1:9"}
    emptied = dict.fromkeys(("HF_HOME", "DATABASE_URL", "SPACE_ID", "GRADIO_NUM_PORTS", "RVERNET_HOST"), "")
    (tmp_path / "file").write_text("")
    folders = {"HOME": str(tmp_path / "file" / "home"), "RVERNET_DATA_DIR": str(tmp_path / "data")}
    options = {"RVERNET_PORT": "0", "RVERNET_SEGMENTER": "grabcut", "PYTHONPATH": str(ROOT)}
    # A shell that runs the tests in the background has them ignore SIGINT, and their children too.
    heeding = "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heeding}; runpy.run_path(sys.argv[1], run_name='__main__')"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(ROOT / "app.py")],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", **given, **emptied, **folders, **options},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("RveRNet is at ").rstrip()
        assert address.startswith("http://127.0.0.1:"), process.communicate()[1]
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(address) as page:
            assert TITLE in page.read().decode()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert said == "rvernet: stopped\n"
    assert process.returncode == 130
    assert {path.name for path in tmp_path.iterdir()} == {"data", "file"}


# With a copy on the Hub


@pytest.fixture
def desk(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The store that the program opens, with a copy on the Hub."""
    monkeypatch.setenv("RVERNET_HUB_DATASET", REPOSITORY)
    store = Store(data)
    yield set_up(store)
    store.close()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderHub:
    hub = FolderHub(tmp_path / "hub")
    monkeypatch.setattr("rvernet_app.ui.serve.open_copied", partial(open_copied, hf_api=hub, every=A_DAY))
    return hub


def test_the_copy_is_pushed_after_the_page_is_closed(
    desk: Desk, hub: FolderHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SavingPage(Page):
        def close(self) -> None:
            desk.save("the last", item=1)

    copies: list[HubCopy] = []

    def build_demo(config: AppConfig, copy: HubCopy | None) -> Page:
        assert copy is not None
        copies.append(copy)
        return SavingPage(lambda: copy.trigger().result())

    monkeypatch.setattr("rvernet_app.ui.serve.build_demo", build_demo)
    before = desk.count()
    assert main(["serve"]) == 0
    assert hub.messages == [f"Up to change {before}", f"Up to change {desk.count()}"]
    desk.save("too late", item=1)
    assert copies[0].trigger().result() is None
    assert len(hub.messages) == 2


def test_an_unreachable_hub_does_not_keep_the_program_from_ending(
    desk: Desk, hub: FolderHub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub.files_left = 0
    page = Page(lambda: signal.raise_signal(signal.SIGTERM))
    monkeypatch.setattr("rvernet_app.ui.serve.build_demo", lambda config, copy: page)
    with pytest.raises(SystemExit) as ended:
        main(["serve"])
    assert ended.value.code == 0
    assert page.closed
    assert "The latest changes are not in ann/meals" in caplog.text


def test_a_page_that_cannot_be_built_leaves_no_copy_running(
    desk: Desk, hub: FolderHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copies: list[HubCopy] = []

    def build_demo(config: AppConfig, copy: HubCopy) -> Page:
        copies.append(copy)
        raise RvernetError("There are no weights.")

    monkeypatch.setattr("rvernet_app.ui.serve.build_demo", build_demo)
    before = desk.count()
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == "rvernet: There are no weights.\n"
    desk.save("too late", item=1)
    assert copies[0].trigger().result() is None
    assert hub.messages == [f"Up to change {before}"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends a process at once on Windows")
def test_a_terminated_program_pushes_once_more_and_ends(desk: Desk, tmp_path: Path) -> None:
    script = Path(__file__).with_name("serve_process.py")
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "hub"), str(desk.project)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().startswith("RveRNet is at http://127.0.0.1:")
        assert process.stdout.readline() == "saved\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "pushing\n"
        process.send_signal(signal.SIGTERM)  # a second one changes nothing
        process.stdin.write("go on\n")
        process.stdin.flush()
        printed = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert len(printed) == 2
    assert printed[1] == f"Up to change {desk.count()}"
    restore(tmp_path / "hub" / FOLDER, tmp_path / "restored")
    store = Store(tmp_path / "restored")
    with store.reading() as session:
        names = list(session.scalars(select(Item.name).order_by(Item.position)))
    assert names == ["0.png", "1.png", "2.png", "3.png", "last.png"]
    assert len([path for path in store.folder.glob("*/??/*") if path.is_file()]) == 10
    store.close()
