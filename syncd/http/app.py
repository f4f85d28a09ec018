"""The aiohttp application, made from the table of routes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aiohttp import web, web_response

import syncd
from syncd.http import openapi
from syncd.http.blocking import STORE_CALLS, StoreCalls
from syncd.http.context import HOST, Host
from syncd.http.dispatch import handler_of
from syncd.http.handlers.meta import OPENAPI
from syncd.http.middleware import QUIET, dress, edge
from syncd.http.routes import ROUTES
from syncd.http.routing import Route

MAX_BODY = 64 * 1024

# The Server header would name aiohttp's and Python's versions; this is the only place that covers aiohttp's own answers to
# requests that never reach the application.
web_response.SERVER_SOFTWARE = "syncd"  # type: ignore[attr-defined]


def make_app(host: Host, *, routes: Sequence[Route] = ROUTES) -> web.Application:
    """The application that serves `routes` for this process."""
    app = web.Application(middlewares=[edge], client_max_size=MAX_BODY)
    app.on_response_prepare.append(dress)
    app[HOST] = host
    app[STORE_CALLS] = StoreCalls()
    app[QUIET] = frozenset(route.path for route in routes if route.quiet)
    app[OPENAPI] = json.dumps(openapi.document(routes, version=syncd.__version__)).encode()
    for route in routes:
        if route.method == "GET":
            app.router.add_get(route.path, handler_of(route), allow_head=True)
        else:
            app.router.add_route(route.method, route.path, handler_of(route))
    return app
