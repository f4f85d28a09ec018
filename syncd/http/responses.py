"""Answers made of models."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from pydantic import BaseModel


def json_response(model: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A model as JSON."""
    body = model.model_dump_json().encode()
    return web.Response(status=status, body=body, headers={"Content-Type": "application/json", **(headers or {})})
