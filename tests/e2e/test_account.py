"""Logging in and out with an account, and signing in and out on a Space, from the page's header."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import Browser

from rvernet_app.pipeline import Pipeline
from rvernet_app.store.accounts import Accounts
from tests.e2e.test_accessibility import ALL_RULES, AXE
from tests.rvernet_app.ui.signing_in import ANN, be_a_space

if TYPE_CHECKING:
    from tests.e2e.conftest import Server, Workbench

pytestmark = pytest.mark.browser


def test_signing_in_shows_the_name_and_allows_saving_until_signing_out(
    pipeline: Pipeline,
    serve: Callable[[Pipeline], Server],
    new_visitor: Callable[..., Workbench],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    be_a_space(monkeypatch)
    monkeypatch.setenv("SPACE_AUTHOR_NAME", ANN["name"])  # who owns a Space may make projects
    visitor = new_visitor(at=serve(pipeline))
    page = visitor.page
    assert page.inner_text("#rv-sign") == "Sign in with Hugging Face"

    page.click("#rv-sign")

    page.wait_for_function(
        "name => document.querySelector('#rv-account-name')?.textContent === name", arg=ANN["name"]
    )
    page.click("[data-action=projects]")
    page.fill("#rv-new-project [name=name]", "On a Space")
    page.click("#rv-new-project button")
    page.wait_for_selector("#rv-project-name:text('On a Space')")

    page.click("#rv-sign")

    page.wait_for_function("document.querySelector('#rv-sign')?.textContent.startsWith('Sign in')")
    page.wait_for_selector("#rv-toast:not([hidden])")
    assert "Sign in with Hugging Face first" in page.inner_text("#rv-toast")
    visitor.complaints.clear()  # Gradio logs the streams that end when the page is left


def test_without_accounts_the_header_has_no_way_to_sign_in_or_out(workbench: Workbench) -> None:
    assert workbench.page.is_hidden("#rv-account")
    assert workbench.page.is_hidden("#rv-who")
    assert workbench.page.is_hidden("#rv-log-in")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_one_logs_in_reloads_and_logs_out(
    theme: Literal["light", "dark"],
    pipeline: Pipeline,
    serve: Callable[[Pipeline], Server],
    browser: Browser,
    tmp_path: Path,
) -> None:
    Accounts(tmp_path).add("ann", "correct horse")
    server = serve(replace(pipeline, config=replace(pipeline.config, data_dir=tmp_path)))
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=theme)
    page = context.new_page()

    page.goto(f"{server.url}/?__theme={theme}")
    page.fill("#name", "ann")
    page.fill("#password", "battery staple")
    page.click("button")
    assert page.inner_text("[role=alert]") == "The name or the password is wrong."
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run(document, rules)", ALL_RULES)
    assert [violation["id"] for violation in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390

    page.fill("#password", "correct horse")
    page.click("button")
    page.wait_for_selector(".rv[data-ready]")
    assert page.url == f"{server.url}/?__theme={theme}"
    page.reload()
    page.wait_for_selector(".rv[data-ready]")
    page.click("#rv-who")
    assert page.inner_text("#rv-log-out-name") == "ann"
    page.click("#rv-log-out-here")

    page.wait_for_selector("#password")
    page.goto(server.url)
    page.wait_for_selector("#password")
    context.close()


def test_a_page_opened_before_the_first_account_says_log_in(
    pipeline: Pipeline,
    serve: Callable[[Pipeline], Server],
    new_visitor: Callable[..., Workbench],
    tmp_path: Path,
) -> None:
    visitor = new_visitor(at=serve(replace(pipeline, config=replace(pipeline.config, data_dir=tmp_path))))
    page = visitor.page
    Accounts(tmp_path).add("ann", "correct horse")

    page.click("[data-action=projects]")

    page.wait_for_selector("#rv-log-in:visible")
    assert "You are logged out" in page.inner_text("#rv-toast")
    with page.context.expect_page() as opened:
        page.evaluate("document.querySelector('#rv-log-in').click()")
    opened.value.fill("#name", "ann")
    opened.value.fill("#password", "correct horse")
    opened.value.click("button")
    opened.value.wait_for_selector(".rv[data-ready]")
    page.click("[data-action=projects]")
    page.fill("#rv-new-project [name=name]", "Trays")
    page.click("#rv-new-project button")
    page.wait_for_selector("#rv-project-name:text('Trays')")
    page.wait_for_selector("#rv-log-in", state="hidden")
    visitor.complaints.clear()  # the browser logs each answer with status 401
