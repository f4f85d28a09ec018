"""Errors as answers: problem details (RFC 9457), with the same stable codes as the log, the CLI and the run records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from syncd.errors import SyncdError, TooManyRequestsError, UsageError

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5


class MalformedBodyError(UsageError):
    """The body is not JSON."""

    code, http_status = "malformed_body", 400


class UnsupportedMediaTypeError(UsageError):
    """The body is of a type this route does not read."""

    code, http_status = "unsupported_media_type", 415
    advice = "Send JSON with `Content-Type: application/json`."


class InvalidRequestError(UsageError):
    """The request has fields that are unknown, missing or wrong."""

    code, http_status = "invalid_request", 422

    def __init__(self, errors: Sequence[dict[str, str]]) -> None:
        """`errors`: one {"pointer", "message"} for each, without the values that were sent."""
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error['pointer']}: {error['message']}" for error in self.errors))


# codes of what aiohttp refuses by itself
_HTTP_CODES = {
    400: "malformed_request",
    404: "not_found",
    405: "method_not_allowed",
    411: "length_required",
    413: "body_too_large",
    417: "expectation_failed",
}


def from_error(error: SyncdError, *, request_id: str) -> web.Response:
    """The answer for an error of ours."""
    extra: dict[str, Any] = {"advice": error.hint} if error.hint else {}
    if isinstance(error, InvalidRequestError):
        extra["errors"] = list(error.errors)
    response = problem(error.http_status, code=error.code, detail=error.message, request_id=request_id, **extra)
    if error.http_status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="syncd"'
    if isinstance(error, TooManyRequestsError):
        response.headers["Retry-After"] = str(error.retry_after)
    if error.retryable and error.http_status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def from_http(error: web.HTTPException, *, request_id: str) -> web.Response:
    """The answer for what aiohttp refuses: no such route, no such method, a body that is too large."""
    code = _HTTP_CODES.get(error.status, "http_error")
    detail = {
        404: "There is nothing at this address.",
        405: "This address does not know that method.",
        413: "The body is larger than this server reads.",
    }.get(error.status, HTTPStatus(error.status).description)
    response = problem(error.status, code=code, detail=detail, request_id=request_id)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def internal(*, request_id: str) -> web.Response:
    """The answer when syncd itself is at fault: no detail, but the id under which the log has it."""
    return problem(500, code="internal_error", detail="An error of syncd itself; the log has it.", request_id=request_id)


def problem(status: int, *, code: str, detail: str, request_id: str, **extra: Any) -> web.Response:
    """A problem document."""
    document = {
        "type": f"urn:syncd:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
        **extra,
    }
    body = json.dumps(document, ensure_ascii=False).encode()
    return web.Response(status=status, body=body, headers={"Content-Type": CONTENT_TYPE})


def invalid(error: ValidationError) -> InvalidRequestError:
    """Translate pydantic's errors; what was sent is not repeated."""
    return InvalidRequestError(
        [
            {"pointer": "/" + "/".join(str(part) for part in item["loc"]), "message": item["msg"].removeprefix("Value error, ")}
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    )
