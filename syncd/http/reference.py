"""The reference of the API as a page for people, made from the OpenAPI document, so that it cannot say anything else.

No script and nothing from elsewhere: one HTML text with its style sheet inside, which its Content-Security-Policy names by its
hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from syncd.http.examples import curl
from syncd.http.schematext import Field, fields_of, model_of, schema_text

_FOLDER = Path(__file__).parent / "templates"
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What may come back."""

    status: str
    text: str
    # name of its model, "" without
    model: str
    media_types: tuple[str, ...]
    headers: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    anchor: str
    summary: str
    description: str
    permission: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    body_model: str
    body_types: tuple[str, ...]
    answers: tuple[Answer, ...]
    problems: tuple[Answer, ...]
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One schema."""

    name: str
    text: str
    # of one that is no object
    kind: str
    fields: tuple[Field, ...]


class Reference:
    """The page of one document; made when it is first asked for."""

    def __init__(self, document: Document) -> None:
        self._document = document

    @cached_property
    def page(self) -> bytes:
        """The HTML."""
        environment = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        template = environment.get_template("reference.html", globals={"prose": _prose, "soft": _soft})
        return template.render(
            title=self._document["info"]["title"],
            version=self._document["info"]["version"],
            # ours, and escaped it would have another hash
            style=Markup(_style()),  # noqa: S704
            groups=_groups(self._document),
            models=_models(self._document),
        ).encode()

    @property
    def policy(self) -> str:
        """The Content-Security-Policy that lets the page have its style, and nothing more."""
        digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
        return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def _prose(text: str) -> Markup:
    """A docstring: what stands between backticks is code."""
    parts = re.split(r"`([^`]+)`", " ".join(text.split()))
    shown = (Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts))
    return Markup().join(shown)


def _soft(path: str) -> Markup:
    """A path that may be broken after each slash."""
    return Markup("/<wbr>").join(path.split("/"))


def _style() -> str:
    return (_FOLDER / "reference.css").read_text("utf-8")


def _groups(document: Document) -> dict[str, list[Operation]]:
    """Tag -> its operations, in the order of the document."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(document, path, method.upper(), operation))
    return groups


def _operation(document: Document, path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    body = operation.get("requestBody", {}).get("content", {})
    schema = _first(body)
    answers = [_answer(document, status, answer) for status, answer in operation["responses"].items()]
    return Operation(
        method=method,
        path=path,
        anchor=f"{method.lower()}-{path.strip('/').replace('/', '-').translate({ord('{'): None, ord('}'): None})}",
        summary=operation["summary"],
        description=operation.get("description", ""),
        permission=operation.get("x-permission", ""),
        parameters=tuple(_parameters(operation.get("parameters", ()))),
        body=fields_of(document, schema),
        body_model=model_of(schema),
        body_types=tuple(body),
        answers=tuple(answer for answer in answers if not _is_problem(answer)),
        problems=tuple(answer for answer in answers if _is_problem(answer)),
        example=curl(document, method, path, operation),
    )


def _parameters(parameters: Sequence[Mapping[str, Any]]) -> Iterator[Field]:
    for parameter in parameters:
        yield Field(
            name=parameter["name"],
            place=parameter["in"],
            kind=schema_text(parameter["schema"]),
            required=parameter.get("required", False),
            default=_default(parameter["schema"]),
            text=parameter.get("description", ""),
            model=model_of(parameter["schema"]),
        )


def _default(schema: Mapping[str, Any]) -> str:
    return "" if schema.get("default") is None else json.dumps(schema["default"], ensure_ascii=False)


def _answer(document: Document, status: str, answer: Mapping[str, Any]) -> Answer:
    content = answer.get("content", {})
    schema = _first(content)
    headers = (
        Field(name=name, place="header", kind=schema_text(header.get("schema", {})), text=header.get("description", ""))
        for name, header in answer.get("headers", {}).items()
    )
    return Answer(
        status=status, text=answer["description"], model=model_of(schema), media_types=tuple(content), headers=tuple(headers)
    )


def _first(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of the first media type; {} where it has none."""
    for media in content.values():
        found: Mapping[str, Any] = media.get("schema", {})
        return found
    return {}


def _is_problem(answer: Answer) -> bool:
    return answer.media_types == ("application/problem+json",)


def _models(document: Document) -> list[Model]:
    found = document["components"]["schemas"]
    return [
        Model(
            name=name,
            text=schema.get("description", ""),
            kind="" if "properties" in schema else schema_text(schema),
            fields=fields_of(document, schema),
        )
        for name, schema in sorted(found.items())
    ]
