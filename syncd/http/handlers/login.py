"""Sessions: beginning one by logging in, looking at them, ending them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from aiohttp import web

from syncd.errors import ForbiddenError, LoginRefusedError, PasswordExpiredError, TooManyRequestsError
from syncd.http.blocking import STORE_CALLS
from syncd.http.clientaddress import client_address
from syncd.http.context import HOST
from syncd.http.handlers.keys import own_id
from syncd.http.login_edge import LOGIN_EDGE
from syncd.http.responses import json_response
from syncd.http.routing import REQUEST_ID, caller_of, part_of
from syncd.http.schemas_login import (
    EndedSessionsResource,
    LoginRequest,
    LoginWarnings,
    NewSessionResource,
    SessionList,
    SessionOwnerPath,
    SessionPath,
    SessionResource,
    SessionUser,
)
from syncd.http.schemas_plans import DecisionRequest
from syncd.model.login import LoginResult, Origin, Session
from syncd.services.management import Management

SESSIONS = "/api/v1/sessions"


async def log_in(request: web.Request) -> web.Response:
    """Begin a session."""
    with _counted(request):
        return await _log_in(request)


async def _log_in(request: web.Request) -> web.Response:
    began = asyncio.get_running_loop().time()
    wanted, management = part_of(request, LoginRequest), request.app[HOST].management
    address = client_address(request, trusted_proxies=management.trusted_proxies)
    edge, settings = request.app[LOGIN_EDGE], management.login.settings
    edge.admit(wanted.username, address, settings)
    origin = Origin(address=address, user_agent=request.headers.get("User-Agent"), request_id=request[REQUEST_ID])
    log_in = partial(management.login.login, wanted.username, wanted.password, origin=origin)
    done = await edge.run(log_in, settings, began=began)
    resource = NewSessionResource(
        id=done.session.id,
        token=done.token,
        expires_at=done.session.expires_at,
        user=SessionUser(id=done.session.user_id, username=done.username),
        warnings=LoginWarnings(
            password_expires_in_days=done.password_expires_in_days,
            grace_logins=done.grace_logins,
        ),
    )
    return json_response(resource, status=201, headers={"Location": f"{SESSIONS}/{done.session.id}"})


@contextmanager
def _counted(request: web.Request) -> Iterator[None]:
    """Count how a try to log in is answered."""
    result = LoginResult.UNAVAILABLE
    try:
        yield
        result = LoginResult.GRANTED
    except LoginRefusedError:
        result = LoginResult.REFUSED
        raise
    except PasswordExpiredError:
        result = LoginResult.EXPIRED
        raise
    except TooManyRequestsError:
        result = LoginResult.LIMITED
        raise
    finally:
        request.app[HOST].metrics.logins.labels(result.value).inc()


# ---------------------------------------------------------------- one's own
async def list_own(request: web.Request) -> web.Response:
    """The sessions of whoever asks."""
    return await _listed(request, own_id(request))


async def end_own(request: web.Request) -> web.Response:
    """End one of one's own sessions."""
    return await _end(request, part_of(request, SessionPath).id)


async def end_current(request: web.Request) -> web.Response:
    """Log out."""
    caller = caller_of(request)
    if caller.session_id is None:
        raise ForbiddenError("An API key has no session to end.")
    return await _end(request, caller.session_id)


async def _end(request: web.Request, session_id: int) -> web.Response:
    caller = caller_of(request)
    end = partial(_management(request).sessions.end, own_id(request), session_id, caller=caller)
    await request.app[STORE_CALLS](end, name="end session")
    return web.Response(status=204)


# ---------------------------------------------------------------- somebody's
async def list_of_user(request: web.Request) -> web.Response:
    """The sessions of a user."""
    return await _listed(request, part_of(request, SessionOwnerPath).id)


async def end_of_user(request: web.Request) -> web.Response:
    """End all sessions of a user."""
    user_id, reason = part_of(request, SessionOwnerPath).id, part_of(request, DecisionRequest).reason
    end_all = partial(_management(request).sessions.end_all, user_id, caller=caller_of(request), reason=reason)
    return json_response(EndedSessionsResource(ended=await request.app[STORE_CALLS](end_all, name="end sessions")))


async def _listed(request: web.Request, user_id: int) -> web.Response:
    listed = partial(_management(request).sessions.list, user_id)
    found: Iterable[Session] = await request.app[STORE_CALLS](listed, name="list sessions")
    current = caller_of(request).session_id
    return json_response(SessionList(items=[_resource(session, current) for session in found]))


def _resource(session: Session, current: int | None) -> SessionResource:
    return SessionResource(
        id=session.id,
        user_id=session.user_id,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        expires_at=session.expires_at,
        address=session.address,
        user_agent=session.user_agent,
        current=session.id == current,
    )


def _management(request: web.Request) -> Management:
    return request.app[HOST].management
