"""Routes of checks of directories, and the reference page."""

from __future__ import annotations

from syncd.http.handlers import checks, meta
from syncd.http.routing import Route
from syncd.http.schemas import DirectoryPath
from syncd.http.schemas_checks import CheckRequest, CheckResource
from syncd.model.permission import Permission

ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/api/v1/directories/{directory}/check",
        handler=checks.check_directory,
        permission=Permission.DIRECTORIES_CHECK,
        summary="Check a directory as it is configured: name, TCP, TLS, bind, base, paging, limits, a sample",
        tag="directories",
        params=DirectoryPath,
        body=CheckRequest,
        responses={200: ("What was found; a check that failed is an answer too.", CheckResource)},
        problems={
            409: "A check of this directory is under way.",
            429: "Other directories are being checked; the Retry-After header says when to come again.",
        },
    ),
    Route(
        method="GET",
        path="/api/v1/reference",
        handler=meta.reference,
        permission=Permission.PUBLIC,
        summary="The reference of this API, for people",
        tag="meta",
        query=None,
        responses={200: ("A page.", None)},
        media_type="text/html",
    ),
)
