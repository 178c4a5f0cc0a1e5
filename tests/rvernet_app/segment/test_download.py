import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rvernet_app.config import AppConfig
from rvernet_app.errors import WeightsError
from rvernet_app.segment import weights
from rvernet_app.segment.download import download

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SIZE = len(CONTENT)


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT; the server's attributes say how it misbehaves."""

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.knows_ranges else 0
        if self.path != "/weights":
            return self.send_error(404)
        if start >= SIZE:
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(SIZE - start))
        self.end_headers()
        body = CONTENT[start:]
        self.wfile.write(body if server.break_after is None else body[: server.break_after])
        server.break_after = None
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.break_after, server.knows_ranges = [], None, True
        server.url = f"http://127.0.0.1:{server.server_address[1]}/weights"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new folder" / "sam.pth"


def fetch(server, target, sha256=SHA256, progress=None):
    return download(server.url, target, sha256, SIZE, progress)


def assert_only(target, *names):
    assert sorted(path.name for path in target.parent.iterdir()) == sorted(names)


def test_a_whole_file_with_progress(server, target):
    seen = []
    assert fetch(server, target, progress=lambda done, total: seen.append((done, total))) == target
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (SIZE, SIZE)
    assert_only(target, "sam.pth")


def test_a_broken_connection_leaves_a_part_that_the_next_call_goes_on_from(server, target):
    server.break_after = 1000
    with pytest.raises(WeightsError, match="again"):
        fetch(server, target)
    assert_only(target, "sam.pth.part")
    seen = []
    fetch(server, target, progress=lambda done, total: seen.append(done))
    assert server.asked == [None, "bytes=1000-"]
    assert target.read_bytes() == CONTENT
    assert seen == [SIZE]
    assert_only(target, "sam.pth")


def test_a_server_without_ranges_starts_over(server, target):
    server.knows_ranges = False
    target.parent.mkdir()
    target.with_name("sam.pth.part").write_bytes(CONTENT[:500])
    fetch(server, target)
    assert server.asked == ["bytes=500-"]
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_thrown_away(server, target):
    target.parent.mkdir()
    target.with_name("sam.pth.part").write_bytes(CONTENT + b"more")
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_complete_part_is_only_checked(server, target):
    target.parent.mkdir()
    target.with_name("sam.pth.part").write_bytes(CONTENT)
    fetch(server, target)
    assert server.asked == []
    assert target.read_bytes() == CONTENT


def test_the_wrong_file_is_deleted(server, target):
    with pytest.raises(WeightsError, match="SHA-256") as raised:
        fetch(server, target, sha256="0" * 64)
    assert str(target) in str(raised.value)
    assert_only(target)


def test_a_missing_page_names_address_and_file(server, target):
    server.url += "-moved"
    with pytest.raises(WeightsError, match="404") as raised:
        fetch(server, target)
    assert server.url in str(raised.value)
    assert str(target) in str(raised.value)
    assert_only(target)


def test_nobody_listens(server, target):
    server.url = server.url.replace(str(server.server_address[1]), "1")
    with pytest.raises(WeightsError, match="could not be fetched"):
        fetch(server, target)
    assert not target.exists()


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="could not be fetched"):
        fetch(server, tmp_path / "file" / "sam.pth")


def test_get_puts_known_weights_in_their_folder(server, tmp_path, monkeypatch):
    known = weights.Weights("vit_b", "sam_b.pth", server.url, SIZE, SHA256, "nobody/nothing", "sam_b.pth")
    monkeypatch.setitem(weights.KNOWN, "vit_b", known)
    config = AppConfig(weights_dir=tmp_path)
    assert weights.get("vit_b", config) == tmp_path / "sam_b.pth"
    assert weights.get("vit_b", config) == tmp_path / "sam_b.pth"
    assert server.asked == [None]
