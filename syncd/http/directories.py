"""Lists that are asked for by the name of a directory."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST


async def require_directory(request: web.Request, name: str | None) -> None:
    """Raises UsageError for a directory that is not known, StoreError."""
    if name is not None:
        await request.app[STORE_CALLS](partial(request.app[HOST].require_directory, name), name="look for directory")
