"""Hashes of passwords: Argon2id (RFC 9106), and scrypt's (RFC 7914) from before, which still count."""

from __future__ import annotations

import base64
import hashlib
import hmac

import argon2

SCRYPT_COST = {"n": 2**14, "r": 8, "p": 1}

_hasher = argon2.PasswordHasher()


def hash_of(password: str) -> str:
    """Return a new salted hash. It takes 64 MiB of memory while it is computed, as `matches` does."""
    return _hasher.hash(password)


def matches(kept: str, password: str) -> bool:
    """Return whether a hash is that of a password."""
    if _is_scrypt(kept):
        salt, wanted = (base64.b64decode(part) for part in kept.split("$"))
        return hmac.compare_digest(hashlib.scrypt(password.encode(), salt=salt, **SCRYPT_COST), wanted)
    try:
        return _hasher.verify(kept, password)
    except argon2.exceptions.VerificationError:
        return False


def is_outdated(kept: str) -> bool:
    """Return whether a hash was made by another method, or at another cost, than those of today."""
    return _is_scrypt(kept) or _hasher.check_needs_rehash(kept)


def is_hash(kept: object) -> bool:
    """Return whether this is a hash that `matches` takes."""
    if not isinstance(kept, str):
        return False
    try:
        argon2.extract_parameters(kept)
    except argon2.exceptions.InvalidHashError:
        return _is_scrypt(kept)
    return True


def _is_scrypt(kept: str) -> bool:
    """Return whether this is "salt$hash", both in base64."""
    if kept.count("$") != 1:
        return False
    try:
        return all(base64.b64decode(part, validate=True) for part in kept.split("$"))
    except ValueError:
        return False
