"""Signing in and out on a Space with the button in the page's header."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from rvernet_app.pipeline import Pipeline
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


def test_outside_a_space_the_header_has_no_sign_in_button(workbench: Workbench) -> None:
    assert workbench.page.is_hidden("#rv-account")
