"""The API's description of itself."""

from __future__ import annotations

from aiohttp import web

OPENAPI: web.AppKey[bytes] = web.AppKey("openapi", bytes)


async def openapi(request: web.Request) -> web.Response:
    """The OpenAPI document, made once at the start."""
    return web.Response(body=request.app[OPENAPI], headers={"Content-Type": "application/json"})
