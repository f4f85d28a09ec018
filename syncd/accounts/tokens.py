"""Secrets that people and programs carry: their form, and what is kept of them.

A token says what it is and which row it belongs to, so that one look finds it and secret scanners recognise a leaked one. Its
secret is 256 random bits: no guess can hit it, so a plain SHA-256 is enough at rest (nothing to slow down, unlike passwords).
"""

from __future__ import annotations

import enum
import hashlib
import re
import secrets
from typing import NamedTuple


class TokenKind(enum.StrEnum):
    """What a token is for; the letter stands in it."""

    SESSION = "s"
    KEY = "k"
    LINK = "l"


class Token(NamedTuple):
    """A token taken apart."""

    kind: TokenKind
    id: int
    secret: str


_FORM = re.compile(r"syncd_([skl])_([1-9]\d{0,17})_([A-Za-z0-9_-]{43})")


def new_secret() -> str:
    """256 random bits, base64url without padding (43 characters)."""
    return secrets.token_urlsafe(32)


def token_text(kind: TokenKind, number: int, secret: str) -> str:
    """`syncd_s_17_SECRET`."""
    return f"syncd_{kind.value}_{number}_{secret}"


def parse_token(text: str) -> Token | None:
    """The parts, None for what is no token of ours."""
    match = _FORM.fullmatch(text)
    return Token(TokenKind(match[1]), int(match[2]), match[3]) if match else None


def digest(secret: str) -> bytes:
    """What is kept: SHA-256. Compare with `hmac.compare_digest`."""
    return hashlib.sha256(secret.encode()).digest()
