"""Answers made of models."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel


def json_response(model: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A model as JSON."""
    body = model.model_dump_json().encode()
    return web.Response(status=status, body=body, headers={"Content-Type": "application/json", **(headers or {})})


def next_page(path: str, query: BaseModel, **position: int | str) -> str:
    """The address of the page that follows: the same query, from another position."""
    wanted = query.model_dump(mode="json", exclude_none=True) | position
    return f"{path}?{urlencode(wanted)}"


def link_to(following: str | None) -> dict[str, str]:
    """The Link header (RFC 8288) for the next page, if there is one."""
    return {"Link": f'<{following}>; rel="next"'} if following else {}
