"""A call of each route with curl, for the reference page: with what must be given, and no more."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from syncd.http.schematext import Schema, resolved

_TEXTS = {"date-time": "2026-01-31T12:00:00Z", "date": "2026-01-31", "email": "ada@example.com", "uri": "https://example.com/"}
# deeper models are left out
_DEEP = 4
# characters that fit in one line
LINE = 80


def curl(document: Schema, method: str, path: str, operation: Mapping[str, Any]) -> str:
    """The command, one option a line unless all of it fits into one."""
    parts = ["curl"] if method == "GET" else [f"curl -X {method}"]
    if operation.get("security"):
        parts.append('-H "Authorization: Bearer $TOKEN"')
    query = []
    for parameter in operation.get("parameters", ()):
        value = _plain(example(document, parameter["schema"], name=parameter["name"]))
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(value, safe=""))
        elif parameter["in"] == "query" and parameter.get("required"):
            query.append(f"{parameter['name']}={quote(value, safe='')}")
        elif parameter["in"] == "header" and parameter.get("required"):
            parts.append(_header(parameter["name"], value))
    parts += _body(document, operation)
    address = path + (f"?{'&'.join(query)}" if query else "")
    parts.append(f'"$SYNCD{address}"')
    line = " ".join(parts)
    return line if len(line) <= LINE else " \\\n  ".join(parts)


def _header(name: str, value: str) -> str:
    return f"-H {shlex.quote(f'{name}: {value}')}"


def _body(document: Schema, operation: Mapping[str, Any]) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return []
    media_type = next(iter(content))
    if not media_type.endswith("json"):
        return [_header("Content-Type", media_type), "--data-binary @FILE"]
    value = example(document, content[media_type].get("schema", {}))
    return [_header("Content-Type", media_type), f"-d {shlex.quote(json.dumps(value, ensure_ascii=False))}"]


def example(document: Schema, schema: Schema, *, name: str = "", depth: int = 0) -> Any:
    """A value that the schema takes: of an object the required fields."""
    if schema.get("examples"):
        return schema["examples"][0]
    schema = resolved(document, schema)
    if schema.get("examples"):
        return schema["examples"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example(document, schema[key][0], name=name, depth=depth)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    return _typed(document, schema, name=name, depth=depth)


def _typed(document: Schema, schema: Schema, *, name: str, depth: int) -> Any:
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        required = schema.get("required", ()) if depth < _DEEP else ()
        if not depth and not required:
            # a change of nothing would be a poor example
            required = [field for field in properties if properties[field].get("examples")][:1] or list(properties)[:1]
        return {field: example(document, properties[field], name=field, depth=depth + 1) for field in required}
    if kind == "array":
        return [example(document, schema.get("items", {}), name=name, depth=depth + 1)] if depth < _DEEP else []
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), 1)
    if kind == "boolean":
        return True
    return _TEXTS.get(schema.get("format", ""), name.upper() or "TEXT")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
