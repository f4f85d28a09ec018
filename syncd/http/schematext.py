"""JSON Schema in words, as far as our own document uses it: what a field is, for the reference page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
_FORMATS = {"date-time": "time (RFC 3339)", "date": "date", "email": "email address", "uri": "URL", "binary": "bytes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One parameter, header or field of a body."""

    name: str
    kind: str
    place: str = ""
    required: bool = False
    default: str = ""
    text: str = ""
    # the model it is or has, for a link; "" without
    model: str = ""


def fields_of(document: Schema, schema: Schema) -> tuple[Field, ...]:
    """The fields of an object's schema, references followed."""
    return tuple(_fields(resolved(document, schema)))


def _fields(schema: Schema) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        default = field.get("default")
        yield Field(
            name=name,
            kind=schema_text(field),
            required=name in required,
            default="" if default is None else json.dumps(default, ensure_ascii=False),
            text=field.get("description", ""),
            model=model_of(field),
        )


def resolved(document: Schema, schema: Schema) -> Schema:
    """The schema that a reference names, else itself."""
    name = _name(schema)
    found: Schema = document["components"]["schemas"][name] if name else schema
    return found


def model_of(schema: Schema) -> str:
    """The first named schema inside: of itself, its items, its values or its alternatives; "" without one."""
    if name := _name(schema):
        return name
    inner = [schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return next((found for part in inner if isinstance(part, Mapping) and (found := model_of(part))), "")


def schema_text(schema: Schema) -> str:
    """What a value is, in a few words."""
    if name := _name(schema):
        return name
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(schema_text(part) for part in schema[key]))
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    if "enum" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    return _typed(schema)


def _typed(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {schema_text(schema.get('items', {}))}" + _bounds(schema, "minItems", "maxItems", "items")
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"object of {schema_text(values)}" if isinstance(values, Mapping) else "object"
    if kind == "string":
        name = _FORMATS.get(schema.get("format", ""), "text")
        return name + _bounds(schema, "minLength", "maxLength", "characters")
    if kind in ("integer", "number"):
        return str(kind) + _bounds(schema, "minimum", "maximum", "")
    return str(kind or "any value")


def _bounds(schema: Schema, least: str, most: str, unit: str) -> str:
    # what only a 64-bit column limits needs no words
    low, high = (None if bound is None or abs(bound) >= 2**53 else bound for bound in (schema.get(least), schema.get(most)))
    if low is None and high is None:
        return ""
    if low is None or (high is not None and low == 0):
        words = f"at most {high}"
    elif high is None:
        words = f"at least {low}"
    else:
        words = f"{low} to {high}"
    return f" ({words} {unit}".rstrip() + ")"


def _name(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]
