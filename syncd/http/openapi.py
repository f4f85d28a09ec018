"""The OpenAPI 3.1 document, made from the route table, so that it cannot say what the server does not do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from syncd.http.links import links_of
from syncd.http.problems import CONTENT_TYPE as PROBLEM_TYPE
from syncd.http.routing import Route
from syncd.http.schemas import NoQuery, ProblemResource
from syncd.model.permission import Permission

REF = "#/components/schemas/{model}"

_BEARER = "The token of a session, an API key, or the operator's token."
_AUTH_PROBLEMS = {401: "No token, or not a valid one.", 403: "The caller has not the permission that this needs."}


def document(routes: Sequence[Route], *, version: str) -> dict[str, Any]:
    """The document for these routes."""
    paths: dict[str, dict[str, Any]] = {}
    _require_unique(routes)
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, routes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "syncd", "version": version, "description": "Management of the directory sync daemon."},
        "paths": paths,
        "components": {
            "schemas": _schemas(routes),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": _BEARER}},
        },
    }


def _operation(route: Route, routes: Sequence[Route]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "tags": [route.tag],
        "x-permission": route.permission.value,
        "responses": {str(status): answer for status, answer in sorted(_responses(route, routes))},
    }
    parameters = [*_parameters(route.params, "path"), *_parameters(route.query, "query"), *_headers(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        required = not _made_from_nothing(route.body)
        operation["requestBody"] = {"required": required, "content": {}}
        for media_type in route.json_types:
            operation["requestBody"]["content"] |= _content(media_type, route.body)
    if route.raw_body:
        binary = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(route.raw_body, binary)}
    if route.permission is not Permission.PUBLIC:
        operation["security"] = [{"bearer": []}]
    return operation


def _responses(route: Route, routes: Sequence[Route]) -> Iterable[tuple[int, dict[str, Any]]]:
    for status, (description, model) in route.responses.items():
        content = _content("application/json", model) if model else {route.media_type: {}}
        if status == 200:
            content |= {media_type: {} for media_type in route.alternatives}
        answer: dict[str, Any] = {"description": description, "content": content}
        if status == 204:
            del answer["content"]
        if headers := _answer_headers(route, status):
            answer["headers"] = headers
        if links := links_of(route, status, routes):
            answer["links"] = links
        yield status, answer
    for status, description in (_problems(route) | dict(route.problems)).items():
        if status not in route.responses:
            yield status, {"description": description, "content": _content(PROBLEM_TYPE, ProblemResource)}


def _problems(route: Route) -> dict[int, str]:
    """What may go wrong, as far as the shape of the route tells."""
    problems = {500: "An error of syncd itself."}
    if route.permission is not Permission.PUBLIC:
        problems |= _AUTH_PROBLEMS | {503: "The database is not reachable."}
    if route.params is not None:
        problems[404] = "There is no such thing."
    if route.query is not None:
        problems[422] = "Fields that are unknown or wrong."
    if route.body is not None:
        problems |= {
            400: "The body is not JSON.",
            413: "The body is too large.",
            415: "The body is not of type application/json.",
            422: "Fields that are unknown or wrong.",
        }
    if route.raw_body:
        problems |= {413: "The body is too large.", 415: f"The body is none of: {', '.join(route.raw_body)}."}
    if _conditional(route):
        problems |= {412: "It was changed in the meantime."}
    if route.idempotent:
        problems |= {400: "The body or the Idempotency-Key makes no sense.", 409: "Not possible as things are."}
    return problems


def _answer_headers(route: Route, status: int) -> dict[str, Any]:
    text = {"type": "string"}
    headers = {}
    if status in (201, 202):
        headers["Location"] = {"description": "Address of what was made.", "schema": text}
    if route.versioned and status in (200, 201):
        headers["ETag"] = {"description": "The version.", "schema": text}
    return headers


def _headers(route: Route) -> list[dict[str, Any]]:
    """What the request may say beside its body."""
    found = []
    if route.idempotent:
        schema = {"type": "string", "pattern": "^[!-~]{1,200}$"}
        text = "Chosen by the caller: a repetition with the same key is answered like the first request, and makes nothing."
        found.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema, "description": text})
    if _conditional(route):
        schema = {"type": "string"}
        text = "The ETag of the version that is to be changed; 412 when it has another by now."
        header = {"name": "If-Match", "in": "header", "required": False, "schema": schema, "description": text}
        found.append(header | {"example": "*"})
    return found


def _conditional(route: Route) -> bool:
    """Whether If-Match is honoured: there is no version yet of what is made here."""
    return route.versioned and route.method != "GET" and 201 not in route.responses


def _require_unique(routes: Sequence[Route]) -> None:
    """Raises ValueError for two operations, or two models, of one name: one would hide the other."""
    operations = Counter(route.handler.__name__ for route in routes)
    models = {model for route in routes for model in (route.body, *(model for _, model in route.responses.values())) if model}
    names = Counter(model.__name__ for model in models)
    if twice := [name for name, count in (operations + names).items() if count > 1]:
        raise ValueError(f"named twice in the table of routes: {', '.join(sorted(twice))}")


def _made_from_nothing(model: type[BaseModel]) -> bool:
    """Whether a body may be left out."""
    try:
        model.model_validate({})
    except ValidationError:
        return False
    return True


def _content(media_type: str, model: type[BaseModel]) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": REF.format(model=model.__name__)}}}


def _parameters(model: type[BaseModel] | None, place: Literal["path", "query"]) -> list[dict[str, Any]]:
    if model is None or model is NoQuery:
        return []
    schema = model.model_json_schema(ref_template=REF)
    required = schema.get("required", [])
    return [_parameter(name, dict(field), place, name in required) for name, field in schema["properties"].items()]


def _parameter(name: str, schema: dict[str, Any], place: str, required: bool) -> dict[str, Any]:
    schema.pop("title", None)
    parameter = {"name": name, "in": place, "required": required or place == "path", "schema": _without_null(schema)}
    description = schema.pop("description", None)
    return parameter | ({"description": description} if description else {})


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter that may be left out cannot be null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


def _schemas(routes: Sequence[Route]) -> dict[str, Any]:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ProblemResource, "serialization"): None}
    for route in routes:
        if route.body is not None:
            wanted[route.body, "validation"] = None
        for _, model in route.responses.values():
            if model is not None:
                wanted[model, "serialization"] = None
    _, definitions = models_json_schema(list(wanted), ref_template=REF)
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas
