"""Routes of lists of people, exports, audit and login attempts."""

from __future__ import annotations

from syncd.http.handlers import trail, userlists
from syncd.http.routing import Route
from syncd.http.schemas_lists import (
    ExportCreate,
    ExportOfUsersQuery,
    ExportPage,
    ExportPath,
    ExportResource,
    ExportsQuery,
    ListOfUsers,
    ListOfUsersQuery,
)
from syncd.http.schemas_trail import AttemptsQuery, AuditPage, AuditQuery, LoginAttemptPage
from syncd.model.permission import Permission

_FILTER = {400: "The filter or the page mark makes no sense."}
_FIELD = {409: "There is no such field to export."}

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=userlists.USERS,
        handler=userlists.list_users,
        permission=Permission.USERS_READ,
        summary="Users: filtered, searched, sorted, in pages",
        tag="users",
        query=ListOfUsersQuery,
        responses={200: ("A page of users.", ListOfUsers)},
        problems=_FILTER,
    ),
    Route(
        method="GET",
        path=f"{userlists.USERS}/export",
        handler=userlists.export_users,
        permission=Permission.EXPORT,
        summary="Users as CSV or JSON lines, streamed",
        tag="exports",
        query=ExportOfUsersQuery,
        responses={200: ("All of them, by id.", None)},
        media_type="text/csv",
        alternatives=("application/jsonl",),
        problems=_FILTER | _FIELD,
    ),
    Route(
        method="POST",
        path=userlists.EXPORTS,
        handler=userlists.request_export,
        permission=Permission.EXPORT,
        summary="Have users exported in the background; a mail says when it is done",
        tag="exports",
        body=ExportCreate,
        responses={202: ("Queued; the Location header has the export.", ExportResource)},
        problems={400: "The body, its filter or the Idempotency-Key makes no sense."} | _FIELD,
        idempotent=True,
    ),
    Route(
        method="GET",
        path=userlists.EXPORTS,
        handler=userlists.list_exports,
        permission=Permission.EXPORT,
        summary="Exports, newest first: one's own, and for administrators all",
        tag="exports",
        query=ExportsQuery,
        responses={200: ("A page of exports.", ExportPage)},
    ),
    Route(
        method="GET",
        path=f"{userlists.EXPORTS}/{{id}}",
        handler=userlists.get_export,
        permission=Permission.EXPORT,
        summary="One export",
        tag="exports",
        params=ExportPath,
        responses={200: ("The export.", ExportResource)},
    ),
    Route(
        method="GET",
        path=f"{userlists.EXPORTS}/{{id}}/content",
        handler=userlists.export_content,
        permission=Permission.EXPORT,
        summary="The file of a finished export",
        tag="exports",
        params=ExportPath,
        responses={200: ("The file.", None)},
        media_type="text/csv",
        alternatives=("application/jsonl",),
        problems={409: "It is not finished, or its file is gone."},
    ),
    Route(
        method="GET",
        path=trail.AUDIT,
        handler=trail.list_audit,
        permission=Permission.AUDIT_READ,
        summary="Audit events, newest first",
        tag="audit",
        query=AuditQuery,
        responses={200: ("A page of events; with another `format` all of them.", AuditPage)},
        alternatives=("text/csv", "application/jsonl"),
        problems={400: "No directory is called so."},
    ),
    Route(
        method="GET",
        path=trail.ATTEMPTS,
        handler=trail.list_login_attempts,
        permission=Permission.AUDIT_READ,
        summary="Login attempts, newest first",
        tag="audit",
        query=AttemptsQuery,
        responses={200: ("A page of attempts; with another `format` all of them.", LoginAttemptPage)},
        alternatives=("text/csv", "application/jsonl"),
        problems={400: "No directory is called so."},
    ),
)
