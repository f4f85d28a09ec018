"""Answers of any size, a piece at a time.

Each piece is one short call into the store: a slow client holds no transaction and no place among the store calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog
from aiohttp import hdrs, web

from syncd.http.blocking import STORE_CALLS

log = structlog.get_logger("syncd.http")

P = TypeVar("P")
# what comes after a piece; None: nothing
Next = tuple[bytes, P | None]

MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}


async def stream(request: web.Request, piece: Callable[[P | None], Next[P]], *, form: str, file: str) -> web.StreamResponse:
    """`piece`: blocking; the part that begins at a position, and where the next begins. The first shows what is wrong with
    the request, before an answer has begun."""
    call = request.app[STORE_CALLS]
    content, position = await call(lambda: piece(None), name=f"export {file}")
    response = web.StreamResponse(
        headers={"Content-Type": MEDIA_TYPES[form], "Content-Disposition": f'attachment; filename="{file}.{form}"'}
    )
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        # aiohttp would send the body of a HEAD too
        return response
    try:
        await response.write(content)
        while position is not None:
            content, position = await _next(request, piece, position, file)
            await response.write(content)
    except ConnectionError:
        pass  # the client has gone
    except Exception:
        log.exception("answer broken off", path=request.path)
        if request.transport is not None:
            # an end in good order would make a part look like the whole
            request.transport.abort()
    return response


async def _next(request: web.Request, piece: Callable[[P | None], Next[P]], position: P, file: str) -> Next[P]:
    return await request.app[STORE_CALLS](lambda: piece(position), name=f"export {file}")
