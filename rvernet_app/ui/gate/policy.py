"""Headers that tell a browser what the page may do, and cookies that only this site can use."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

FRAMES_OF_SPACES = "https://huggingface.co https://*.hf.space"
YEAR = 365 * 24 * 3600
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid"),
        *("magnetometer", "microphone", "midi", "payment", "serial", "usb"),
    )
)


def content_policy(scripts: Iterable[bytes], frames: str = "") -> str:
    """Return the Content-Security-Policy of a page.

    Gradio makes functions from text and sets styles in elements; docs/hosting.md says why.

    Args:
        scripts: texts of the scripts within the page.
        frames: other sites that may show the page in a frame.
    """
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'unsafe-eval' {hashes}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors 'self' {frames}".rstrip(),
        )
    )


def safe_headers(scheme: str, policy: str, frames: str) -> list[tuple[bytes, bytes]]:
    """Return the headers that every answer gets.

    Args:
        scheme: by which the request came.
        policy: the Content-Security-Policy.
        frames: other sites that may show the page in a frame.
    """
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "permissions-policy": PERMISSIONS,
        "cross-origin-resource-policy": "same-origin",
    }
    if not frames:  # this header knows no other sites
        headers["x-frame-options"] = "SAMEORIGIN"
    if scheme == "https":
        headers["strict-transport-security"] = f"max-age={YEAR}"
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def safe_cookie(cookie: str, scheme: str, in_frames: bool) -> str:
    """Return a Set-Cookie whose cookie no script reads and no other site sends.

    Args:
        in_frames: whether the page lies in a frame of another site, where a browser sends only cookies with
            SameSite=None.
    """
    ours = ("httponly", "secure", "samesite")
    kept = [part.strip() for part in cookie.split(";")]
    kept = [
        part for index, part in enumerate(kept) if index == 0 or part.partition("=")[0].lower() not in ours
    ]
    kept.append("HttpOnly")
    if scheme == "https":
        kept += ["Secure", "SameSite=None" if in_frames else "SameSite=Lax"]
    else:
        kept.append("SameSite=Lax")
    return "; ".join(kept)


def _hash(script: bytes) -> str:
    return base64.b64encode(hashlib.sha256(script).digest()).decode()
