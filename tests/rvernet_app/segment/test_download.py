"""Downloads from a local server that can break connections."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rvernet_app.config import AppConfig
from rvernet_app.errors import WeightsError
from rvernet_app.segment import weights
from rvernet_app.segment.download import Progress, download

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SIZE = len(CONTENT)


class Server(ThreadingHTTPServer):
    """Serves CONTENT at `url`.

    Attributes:
        asked: the Range header of each request.
        break_after: number of bytes after which the next response ends early; None sends all.
        knows_ranges: False ignores Range headers.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []
        self.break_after: int | None = None
        self.knows_ranges = True
        self.url = f"http://127.0.0.1:{self.server_address[1]}/weights"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.knows_ranges else 0
        if self.path != "/weights":
            self.send_error(404)
            return
        if start >= SIZE:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(SIZE - start))
        self.end_headers()
        body = CONTENT[start:]
        self.wfile.write(body if server.break_after is None else body[: server.break_after])
        server.break_after = None

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "sam.pth"


def fetch(server: Server, target: Path, sha256: str = SHA256, progress: Progress | None = None) -> Path:
    return download(server.url, target, sha256, SIZE, progress)


def assert_only(target: Path, *names: str) -> None:
    assert sorted(path.name for path in target.parent.iterdir()) == sorted(names)


def test_a_whole_file_with_progress(server: Server, target: Path) -> None:
    seen: list[tuple[int, int]] = []
    assert fetch(server, target, progress=lambda done, total: seen.append((done, total))) == target
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (SIZE, SIZE)
    assert_only(target, "sam.pth")


def test_the_next_call_resumes_after_a_broken_connection(server: Server, target: Path) -> None:
    server.break_after = 1000
    with pytest.raises(WeightsError, match="again"):
        fetch(server, target)
    assert_only(target, "sam.pth.part")
    seen: list[int] = []
    fetch(server, target, progress=lambda done, total: seen.append(done))
    assert server.asked == [None, "bytes=1000-"]
    assert target.read_bytes() == CONTENT
    assert seen == [SIZE]
    assert_only(target, "sam.pth")


def test_a_server_without_ranges_starts_over(server: Server, target: Path) -> None:
    server.knows_ranges = False
    target.parent.mkdir()
    target.with_name("sam.pth.part").write_bytes(CONTENT[:500])
    fetch(server, target)
    assert server.asked == ["bytes=500-"]
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_discarded(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("sam.pth.part").write_bytes(CONTENT + b"more")
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_complete_part_is_only_checked(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("sam.pth.part").write_bytes(CONTENT)
    fetch(server, target)
    assert server.asked == []
    assert target.read_bytes() == CONTENT


def test_the_wrong_file_is_deleted(server: Server, target: Path) -> None:
    with pytest.raises(WeightsError, match="SHA-256") as raised:
        fetch(server, target, sha256="0" * 64)
    assert str(target) in str(raised.value)
    assert_only(target)


def test_a_missing_page_is_an_error_with_address_and_file(server: Server, target: Path) -> None:
    server.url += "-moved"
    with pytest.raises(WeightsError, match="404") as raised:
        fetch(server, target)
    assert server.url in str(raised.value)
    assert str(target) in str(raised.value)
    assert_only(target)


def test_an_unreachable_server_is_an_error(server: Server, target: Path) -> None:
    server.url = server.url.replace(str(server.server_address[1]), "1")
    with pytest.raises(WeightsError, match="could not be downloaded"):
        fetch(server, target)
    assert not target.exists()


def test_a_folder_that_cannot_be_created_is_an_error(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="could not be downloaded"):
        fetch(server, tmp_path / "file" / "sam.pth")


def test_get_saves_known_weights_in_their_folder_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = weights.Weights("vit_b", "sam_b.pth", server.url, SIZE, SHA256, "nobody/nothing", "sam_b.pth")
    monkeypatch.setitem(weights.KNOWN, "vit_b", known)
    config = AppConfig(weights_dir=tmp_path)
    assert weights.get("vit_b", config) == tmp_path / "sam_b.pth"
    assert weights.get("vit_b", config) == tmp_path / "sam_b.pth"
    assert server.asked == [None]
