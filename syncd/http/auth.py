"""Who may call a route."""

from __future__ import annotations

import hashlib
import hmac

import structlog
from aiohttp import web

from syncd.errors import ForbiddenError, UnauthorizedError
from syncd.http.context import HOST
from syncd.http.routing import Permission

log = structlog.get_logger("syncd.http")

_SCHEME = "bearer "


def authorize(request: web.Request, permission: Permission) -> None:
    """Let a caller pass who may do this. Raises UnauthorizedError, ForbiddenError.

    Only the Authorization header counts (RFC 6750 section 2.1): tokens in addresses end up in logs.
    """
    if permission is Permission.PUBLIC:
        return
    expected = request.app[HOST].operator_token
    if expected is None:
        raise ForbiddenError(
            "This route is closed: no operator token is configured.",
            advice="Set `http.operator_token` (16 characters or more), by SYNCD_HTTP__OPERATOR_TOKEN_FILE or a credential.",
        )
    given = _bearer(request)
    if given is None:
        raise UnauthorizedError("This route needs the operator token.", advice="Send `Authorization: Bearer TOKEN`.")
    if not _same(given, expected.get_secret_value()):
        log.warning("wrong operator token", remote=request.remote, path=request.path)
        raise UnauthorizedError("This token is not valid.")


def _bearer(request: web.Request) -> str | None:
    header = request.headers.get("Authorization", "")
    if header[: len(_SCHEME)].lower() != _SCHEME:
        return None
    return header[len(_SCHEME) :].strip() or None


def _same(given: str, expected: str) -> bool:
    """Compare in a time that tells nothing of the expected value, its length included: digests are of one length."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (given, expected)]
    return hmac.compare_digest(*digests)
