"""Routes of sessions."""

from __future__ import annotations

from syncd.http.handlers import login
from syncd.http.routing import Route
from syncd.http.schemas_login import (
    EndedSessionsResource,
    LoginRequest,
    NewSessionResource,
    SessionList,
    SessionOwnerPath,
    SessionPath,
)
from syncd.http.schemas_plans import DecisionRequest
from syncd.model.permission import Permission

_REFUSALS = {
    401: "The name or the password is wrong, or this account cannot log in; which of these is not said.",
    403: "The password is right and must be changed first (`password_expired`).",
    429: "Too many tries under this name, or from this address; Retry-After says when to come again.",
    503: "The directory that knows the password does not answer (`login_unavailable`), or the database does not.",
}

ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path=login.SESSIONS,
        handler=login.log_in,
        permission=Permission.PUBLIC,
        summary="Log in",
        tag="sessions",
        body=LoginRequest,
        responses={201: ("A session has begun; its token is shown this once.", NewSessionResource)},
        problems=_REFUSALS,
        secret=True,
    ),
    Route(
        method="GET",
        path=login.SESSIONS,
        handler=login.list_own,
        permission=Permission.SELF,
        summary="Your own sessions",
        tag="sessions",
        responses={200: ("Those that are alive, newest first.", SessionList)},
    ),
    Route(
        method="DELETE",
        path=f"{login.SESSIONS}/current",
        handler=login.end_current,
        permission=Permission.SELF,
        summary="Log out",
        tag="sessions",
        responses={204: ("The session that asked has ended.", None)},
    ),
    Route(
        method="DELETE",
        path=f"{login.SESSIONS}/{{id}}",
        handler=login.end_own,
        permission=Permission.SELF,
        summary="End one of your own sessions",
        tag="sessions",
        params=SessionPath,
        responses={204: ("It has ended.", None)},
    ),
    Route(
        method="GET",
        path="/api/v1/users/{id}/sessions",
        handler=login.list_of_user,
        permission=Permission.SESSIONS_READ,
        summary="The sessions of a user",
        tag="sessions",
        params=SessionOwnerPath,
        responses={200: ("Those that are alive, newest first.", SessionList)},
    ),
    Route(
        method="DELETE",
        path="/api/v1/users/{id}/sessions",
        handler=login.end_of_user,
        permission=Permission.SESSIONS_END,
        summary="End all sessions of a user",
        tag="sessions",
        params=SessionOwnerPath,
        body=DecisionRequest,
        responses={200: ("They have ended.", EndedSessionsResource)},
    ),
)
