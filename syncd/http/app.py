"""The aiohttp application, made from the table of routes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from aiohttp import web, web_response

import syncd
from syncd.http import openapi
from syncd.http.blocking import PASSWORD_CALLS, PASSWORD_TIMEOUT, PASSWORDS_AT_ONCE, STORE_CALLS, StoreCalls
from syncd.http.context import HOST, Host
from syncd.http.dispatch import handler_of
from syncd.http.handlers.checks import CHECKS, Checks
from syncd.http.handlers.meta import OPENAPI, REFERENCE
from syncd.http.handlers.passwords import ESTIMATES, Estimates
from syncd.http.login_edge import LOGIN_EDGE, LoginEdge
from syncd.http.middleware import QUIET, dress, edge, expect
from syncd.http.reference import Reference
from syncd.http.routing import Route
from syncd.http.table import ROUTES
from syncd.http.waiting import NEW_EVENTS, NewEvents

# The Server header would name aiohttp's and Python's versions; this is the only place that covers aiohttp's own answers to
# requests that never reach the application.
web_response.SERVER_SOFTWARE = "syncd"  # type: ignore[attr-defined]


def make_app(host: Host, *, routes: Sequence[Route] = ROUTES) -> web.Application:
    """The application that serves `routes` for this process."""
    app = web.Application(middlewares=[edge], client_max_size=max(route.max_body for route in routes))
    app.on_response_prepare.append(dress)
    app[HOST] = host
    app[STORE_CALLS] = StoreCalls()
    app[NEW_EVENTS] = NewEvents(host)
    app.on_shutdown.append(app[NEW_EVENTS].close)
    app[ESTIMATES] = Estimates()
    app[LOGIN_EDGE] = LoginEdge()
    app[PASSWORD_CALLS] = StoreCalls(at_once=PASSWORDS_AT_ONCE, timeout=PASSWORD_TIMEOUT)
    app[QUIET] = frozenset(route.path for route in routes if route.quiet)
    app[CHECKS] = Checks()
    document = openapi.document(routes, version=syncd.__version__)
    app[OPENAPI] = json.dumps(document).encode()
    app[REFERENCE] = Reference(document)
    for route in routes:
        if route.method == "GET":
            app.router.add_get(_pattern(route), handler_of(route), allow_head=True, expect_handler=expect)
        else:
            app.router.add_route(route.method, _pattern(route), handler_of(route), expect_handler=expect)
    return app


def _pattern(route: Route) -> str:
    """The path as aiohttp has it: where a number belongs no word fits, so that /users/export is no user to any method."""
    fields = route.params.model_fields if route.params else {}
    numbers = {name for name, field in fields.items() if field.annotation is int}
    return re.sub(r"\{(\w+)\}", lambda found: f"{{{found[1]}:[0-9]+}}" if found[1] in numbers else found[0], route.path)
