"""What happens to every request, whatever route it meets or none: an id, errors as problems, headers, a line in the log."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from aiohttp import HttpVersion11, hdrs, web
from aiohttp.typedefs import Handler

from syncd.errors import SyncdError
from syncd.http import problems
from syncd.http.context import HOST
from syncd.http.routing import REQUEST_ID

log = structlog.get_logger("syncd.http")

HEADER = "X-Request-ID"
# what may be taken over from a client into our log
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

# Set where a handler has not said otherwise. Nothing here is for a browser to show, frame, sniff or keep.
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

# routes whose requests are logged at debug level: filled from the route table
QUIET: web.AppKey[frozenset[str]] = web.AppKey("quiet", frozenset)


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware."""
    request_id = _id_of(request)
    began = time.perf_counter()
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        response = await _answer(request, handler, request_id=request_id)
        _note(request, response, seconds=time.perf_counter() - began)
    return response


async def expect(request: web.Request) -> web.StreamResponse | None:
    """What a client expects before it sends its body (RFC 9110 section 10.1.1); no middleware has run yet."""
    if request.version != HttpVersion11:
        return None
    if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
        return problems.from_http(web.HTTPExpectationFailed(), request_id=_id_of(request))
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # no header of the answer has been written
    request.writer.output_size = 0
    return None


async def dress(request: web.Request, response: web.StreamResponse) -> None:
    """What every answer carries, put on before its head is sent: those that are streamed never come back to `edge` before."""
    response.headers[HEADER] = _id_of(request)
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)


def _id_of(request: web.Request) -> str:
    if REQUEST_ID not in request:
        given = request.headers.get(HEADER, "")
        request[REQUEST_ID] = given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
    return request[REQUEST_ID]


async def _answer(request: web.Request, handler: Handler, *, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return problems.from_http(error, request_id=request_id)
    except SyncdError as error:
        if error.http_status >= 500:
            log.warning("request failed", code=error.code, message=error.message)
        return problems.from_error(error, request_id=request_id)
    except Exception:
        log.exception("request broken", method=request.method, path=request.path)
        return problems.internal(request_id=request_id)


def _note(request: web.Request, response: web.StreamResponse, *, seconds: float) -> None:
    """The access log. The query is left out: it may hold what nobody should read later."""
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unmatched"
    method = request.method if request.method in hdrs.METH_ALL else "OTHER"
    request.app[HOST].metrics.http_requests.labels(method, route, str(response.status)).inc()
    write = log.debug if route in request.app[QUIET] else log.info
    write(
        "request",
        method=request.method,
        path=request.path,
        status=response.status,
        milliseconds=round(seconds * 1000, 1),
        remote=request.remote,
    )
