"""A browser is known by a mark that only this server makes, for one account and one password."""

from __future__ import annotations

import pytest

from rvernet_app.ui.signin.cookies import BROWSER, browser_mark, known_browser, read

ID, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2


def test_a_browser_is_known_for_the_account_it_has_logged_in_to() -> None:
    mark = browser_mark("ann", ID)
    browser = known_browser(mark, "ann", ID)
    assert browser == mark.partition(".")[0]
    assert known_browser(mark, "ben", ID) is None
    assert known_browser(mark, "ann", OTHER) is None, "the password has changed"
    assert known_browser(browser_mark("ann", ID), "ann", ID) != browser


@pytest.mark.parametrize("mark", [None, "", ".", "abc.", ".abc", "abc.def", "\ud800.\ud800", "a" * 5000])
def test_a_mark_that_is_made_up_counts_for_nothing(mark: str | None) -> None:
    assert known_browser(mark, "ann", ID) is None


def test_the_cookie_that_only_this_host_can_set_comes_first() -> None:
    both = {BROWSER: "of a sibling", f"__Host-{BROWSER}": "ours"}
    assert read(both, BROWSER) == "ours"
    assert read({BROWSER: "without TLS"}, BROWSER) == "without TLS"
    assert read({}, BROWSER) is None
