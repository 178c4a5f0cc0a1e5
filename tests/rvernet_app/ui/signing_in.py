"""Fakes for signing in with Hugging Face without a Space and without a network."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import sys
from types import ModuleType

import gradio.oauth
import pytest

ANN = {"type": "user", "name": "ann-lee", "fullname": "Ann Lee", "avatarUrl": "https://hf.co/ann.png"}


class Signer:
    """A fake of itsdangerous.TimestampSigner, used if gradio[oauth] is not installed."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, value: bytes) -> bytes:
        return value + b"." + hmac.new(self._secret, value, hashlib.sha256).hexdigest().encode()

    def unsign(self, signed: bytes, max_age: int) -> bytes:
        value = signed.rpartition(b".")[0]
        if not hmac.compare_digest(self.sign(value), signed):
            raise BadSignatureError
        return value


class BadSignatureError(Exception):
    """A fake of itsdangerous.BadSignature."""


def be_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pages believe that they run on a Space.

    Gradio's own fake of the Hub signs everyone in as ANN, as it does on a developer's machine.
    """
    if importlib.util.find_spec("itsdangerous") is None:
        for name, of in (
            ("itsdangerous", {"TimestampSigner": Signer}),
            ("itsdangerous.exc", {"BadSignature": BadSignatureError}),
        ):
            module = ModuleType(name)
            vars(module).update(of)
            monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delenv("SYSTEM", raising=False)
    monkeypatch.setenv("SPACE_ID", "ann-lee/foods")
    monkeypatch.setenv("HF_TOKEN", "hf_none")
    monkeypatch.setattr(gradio.oauth, "whoami", lambda: ANN)
