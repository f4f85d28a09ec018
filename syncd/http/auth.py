"""Who asks, and whether they may."""

from __future__ import annotations

import hashlib
import hmac

import structlog
from aiohttp import web

from syncd.accounts.tokens import parse_token
from syncd.errors import ForbiddenError, UnauthorizedError
from syncd.http.context import HOST
from syncd.http.routing import REQUEST_ID
from syncd.model.caller import Caller
from syncd.model.permission import Permission

log = structlog.get_logger("syncd.http")

_SCHEME = "bearer "
OPERATOR = "operator"
_MISSING_ADVICE = "An administrator can give you a role that has it; `GET /api/v1/me` shows what you may do."
_ADVICE = "Log in again, or use a key; the operator's token is set by `http.operator_token`."


async def authorize(request: web.Request, permission: Permission) -> Caller:
    """The caller, when they may do this. Raises UnauthorizedError, ForbiddenError, StoreError.

    Only the Authorization header counts (RFC 6750 section 2.1): tokens in addresses end up in logs.
    """
    request_id = request[REQUEST_ID]
    if permission is Permission.PUBLIC:
        return Caller(name="", request_id=request_id)
    given = _bearer(request)
    if given is None:
        raise UnauthorizedError("This route needs a token.", advice="Send `Authorization: Bearer TOKEN`.")
    caller = await _caller(request, given, request_id=request_id)
    if caller is None:
        log.warning("wrong token", remote=request.remote, path=request.path)
        raise UnauthorizedError("This token is not valid.", advice=_ADVICE)
    if not caller.may(permission):
        if permission is Permission.SELF:
            raise ForbiddenError("This needs a person's own session or key.", advice="The operator's token is nobody's.")
        raise ForbiddenError(f"This needs the permission {permission.value}.", advice=_MISSING_ADVICE)
    return caller


async def _caller(request: web.Request, given: str, *, request_id: str) -> Caller | None:
    host = request.app[HOST]
    token = parse_token(given)
    if token is not None:
        return await host.resolve(token, request_id=request_id)
    expected = host.operator_token
    if expected is not None and _same(given, expected.get_secret_value()):
        return Caller(name=OPERATOR, everything=True, request_id=request_id)
    return None


def _bearer(request: web.Request) -> str | None:
    header = request.headers.get("Authorization", "")
    if header[: len(_SCHEME)].lower() != _SCHEME:
        return None
    return header[len(_SCHEME) :].strip() or None


def _same(given: str, expected: str) -> bool:
    """Compare in a time that tells nothing of the expected value, its length included: digests are of one length."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (given, expected)]
    return hmac.compare_digest(*digests)
