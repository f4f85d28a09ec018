"""How a webhook's message is signed: HMAC-SHA256 over id, time and body, as of Standard Webhooks (www.standardwebhooks.com).

A receiver that knows the secret sees that nobody else has made the message or repeated an old one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

# before a secret that is base64
_PREFIX = "whsec_"


def key_of(secret: str) -> bytes | None:
    """The key that a secret stands for; None when it claims to be base64 and is not."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def signature(key: bytes, *, message_id: str, timestamp: int, body: bytes) -> str:
    """What the header webhook-signature has."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
