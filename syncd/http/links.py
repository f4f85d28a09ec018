"""Links of the OpenAPI document: which answer has what another route needs.

They follow from the table. An answer that is the thing itself leads to the routes of that thing, one that made something inside
another (a key of a user) to the routes of what was made. A page leads nowhere: it may be empty, and a link must hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from syncd.http.routing import Route

_VARIABLE = re.compile(r"\{(\w+)\}")


def links_of(route: Route, status: int, routes: Sequence[Route]) -> dict[str, Any]:
    """Name -> link, for one answer of a route."""
    model = route.responses[status][1]
    if not 200 <= status < 300 or model is None:
        return {}
    return {
        name: {"operationId": name, "parameters": parameters}
        for target, parameters in _targets(route, model, status, routes)
        if (name := target.handler.__name__) != route.handler.__name__
    }


def _targets(
    route: Route, model: type[BaseModel], status: int, routes: Sequence[Route]
) -> Iterator[tuple[Route, Mapping[str, str]]]:
    own = {name: f"$request.path.{name}" for name in _VARIABLE.findall(route.path)}
    if status == 201 and "id" in model.model_fields:
        yield from _below(route.path, own, "$response.body#/id", routes)
        return
    for home in routes:
        if home.method != "GET" or len(names := _VARIABLE.findall(home.path)) != 1 or names[0] not in model.model_fields:
            continue
        shown = home.responses[200][1] if 200 in home.responses else None
        if shown is not None and issubclass(shown, model):
            yield from _below(home.path.rpartition("/")[0], {}, f"$response.body#/{names[0]}", routes)


def _below(
    collection: str, own: Mapping[str, str], source: str, routes: Sequence[Route]
) -> Iterator[tuple[Route, Mapping[str, str]]]:
    """The routes of the things in a collection that need no further number."""
    for route in routes:
        rest = route.path.removeprefix(collection)
        names = _VARIABLE.findall(rest)
        if rest != route.path and rest.startswith("/{") and len(names) == 1:
            yield route, {**own, names[0]: source}
