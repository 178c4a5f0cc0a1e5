"""Cookies that leave the gate."""

from __future__ import annotations

import pytest

from rvernet_app.ui.gate.policy import safe_cookie


@pytest.mark.parametrize(
    ("cookie", "scheme", "safe"),
    [
        ("a=b; Path=/", "http", "a=b; Path=/; HttpOnly; SameSite=Lax"),
        ("a=b; Path=/; SameSite=none", "https", "a=b; Path=/; HttpOnly; Secure; SameSite=Lax"),
        ("__Host-a=b; Path=/; Secure", "http", "__Host-a=b; Path=/; HttpOnly; Secure; SameSite=Lax"),
    ],
)
def test_a_cookie_that_is_secure_stays_so(cookie: str, scheme: str, safe: str) -> None:
    assert safe_cookie(cookie, scheme, in_frames=False) == safe
