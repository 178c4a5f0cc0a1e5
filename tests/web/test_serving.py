"""How the page's program gets into the browser: its modules, their address, and its style sheet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rvernet_app.ui.workbench import (
    START,
    STYLES,
    WEB_DIR,
    modules_path,
    style_sheet,
    web_modules,
    web_routes,
)

IMPORT = re.compile(r'(?:from|import) "(\.{1,2}/[^"]+)"')


@pytest.fixture
def served() -> TestClient:
    return TestClient(Starlette(routes=web_routes()))


def test_every_module_that_is_imported_is_served(served: TestClient) -> None:
    path = modules_path(web_modules())
    reached, waiting = {"main.js"}, ["main.js"]
    while waiting:
        name = waiting.pop()
        reply = served.get(f"/{path}/{name}")
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/javascript")
        for address in IMPORT.findall(reply.text):
            found = (
                (WEB_DIR / name).parent.joinpath(address).resolve().relative_to(WEB_DIR.resolve()).as_posix()
            )
            if found not in reached:
                reached.add(found)
                waiting.append(found)
    assert reached == set(web_modules())


def test_a_module_may_be_kept_for_good_because_another_version_has_another_address(
    served: TestClient,
) -> None:
    modules = web_modules()
    reply = served.get(f"/{modules_path(modules)}/main.js")
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    changed = {**modules, "words.js": modules["words.js"] + b"\n"}
    assert modules_path(changed) != modules_path(modules)
    renamed = {name.replace("words", "text"): source for name, source in modules.items()}
    assert modules_path(renamed) != modules_path(modules)


@pytest.mark.parametrize("name", ["nothing.js", "../workbench.py", "%2e%2e/workbench.py", "package.json"])
def test_nothing_but_modules_is_served(served: TestClient, name: str) -> None:
    assert served.get(f"/{modules_path(web_modules())}/{name}").status_code == 404


def test_python_can_listen_to_what_the_page_sends() -> None:
    assert '"evidence"' in START
    assert '"propose"' in START


def test_the_style_sheet_has_every_room() -> None:
    assert {path.stem for path in (WEB_DIR / "styles").glob("*.css")} == set(STYLES)
    sheet = style_sheet()
    assert all(Path(WEB_DIR / "styles" / f"{name}.css").read_text("utf-8") in sheet for name in STYLES)
