"""The OpenAPI 3.1 document, made from the route table, so that it cannot say what the server does not do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from syncd.http.problems import CONTENT_TYPE as PROBLEM_TYPE
from syncd.http.routing import Permission, Route
from syncd.http.schemas import NoQuery, ProblemResource

REF = "#/components/schemas/{model}"

_AUTH_PROBLEMS = {401: "No token, or not a valid one.", 403: "The route is closed: no token is configured."}


def document(routes: Sequence[Route], *, version: str) -> dict[str, Any]:
    """The document for these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "syncd", "version": version, "description": "Management of the directory sync daemon."},
        "paths": paths,
        "components": {
            "schemas": _schemas(routes),
            "securitySchemes": {"operator": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "tags": [route.tag],
        "x-permission": route.permission.value,
        "responses": {str(status): answer for status, answer in sorted(_responses(route))},
    }
    parameters = [*_parameters(route.params, "path"), *_parameters(route.query, "query")]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        required = any(field.is_required() for field in route.body.model_fields.values())
        operation["requestBody"] = {"required": required, "content": _content("application/json", route.body)}
    if route.permission is not Permission.PUBLIC:
        operation["security"] = [{"operator": []}]
    return operation


def _responses(route: Route) -> Iterable[tuple[int, dict[str, Any]]]:
    for status, (description, model) in route.responses.items():
        content = _content("application/json", model) if model else {route.media_type: {}}
        if status == 200 and route.alternative:
            content[route.alternative] = {}
        answer: dict[str, Any] = {"description": description, "content": content}
        if status == 202:
            answer["headers"] = {"Location": {"description": "Address of the run.", "schema": {"type": "string"}}}
        yield status, answer
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
    for status, description in (problems | dict(route.problems)).items():
        if status not in route.responses:
            yield status, {"description": description, "content": _content(PROBLEM_TYPE, ProblemResource)}


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
