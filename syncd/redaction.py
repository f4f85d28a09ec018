"""Keeping secrets out of what is shown (invariant 11). The last line of defence: nobody is to pass a secret here at all."""

from __future__ import annotations

import re
import traceback
from typing import Any

from pydantic import SecretStr

REDACTED = "••••••"

# names under which a value is secret, whatever it is
_SECRET_NAME = re.compile(r"passw|pwd|secret|token|authorization|cookie|credential|api[_-]?key|private[_-]?key", re.IGNORECASE)
# the password in postgresql://user:password@host/database; a URL may be anywhere in a text
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^/@:\s]*):([^/\s]*)@")
_PASSWORD_IN_QUERY = re.compile(r"([?&][^=&\s]*(?:passw|pwd|secret|token)[^=&\s]*=)[^&\s]+", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a value under this name is not to be shown."""
    return _SECRET_NAME.search(name) is not None


def redact_url(text: str) -> str:
    """The text without the passwords of URLs in it."""
    if "://" not in text:
        return text
    return _PASSWORD_IN_QUERY.sub(rf"\1{REDACTED}", _PASSWORD_IN_URL.sub(rf"\1:{REDACTED}@", text))


def redact(name: str, value: Any) -> Any:
    """The value without what is secret in it: by its type, by its name, by the names inside it, or as part of a URL."""
    if isinstance(value, SecretStr):
        return REDACTED
    if isinstance(value, (str, bytes)) and is_secret_name(name):
        return REDACTED if value else value
    if isinstance(value, str):
        return redact_url(value)
    if isinstance(value, dict):
        return {key: redact(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(name, item) for item in value]
    return value


def forget_locals(error: BaseException) -> None:
    """Empty the frames that an error and its causes came through and that have ended.

    A library's frames hold what it sent, a bind request or a connection string with the password in it, and crash reporters
    show the local variables of every frame.
    """
    seen: BaseException | None = error
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen = seen.__cause__ or seen.__context__
