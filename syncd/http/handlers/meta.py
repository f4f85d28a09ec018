"""The API's description of itself."""

from __future__ import annotations

from aiohttp import web

from syncd.http.reference import Reference

REFERENCE: web.AppKey[Reference] = web.AppKey("reference", Reference)
OPENAPI: web.AppKey[bytes] = web.AppKey("openapi", bytes)


async def openapi(request: web.Request) -> web.Response:
    """The OpenAPI document, made once at the start."""
    return web.Response(body=request.app[OPENAPI], headers={"Content-Type": "application/json"})


async def reference(request: web.Request) -> web.Response:
    """The same for people."""
    made = request.app[REFERENCE]
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": made.policy}
    return web.Response(body=made.page, headers=headers)
