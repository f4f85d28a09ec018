"""What roles, groups, organizations and units have in common as they go over the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from syncd.http.schemas import MAX_ID, Strict
from syncd.http.schemas_plans import DecisionRequest
from syncd.model.structure import DESCRIPTION_MAX, NAME_MAX

# no control characters, and something that is no space
_NAME = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
NO_NUL = r"^[^\x00]*$"

NameText = Annotated[str, Field(min_length=1, max_length=NAME_MAX, pattern=_NAME)]
DescriptionText = Annotated[str, Field(max_length=DESCRIPTION_MAX, pattern=NO_NUL)]


class StructurePath(Strict):
    """Which one."""

    id: int = Field(ge=1, le=MAX_ID)
    """Its id."""


class ListQuery(Strict):
    """Which part of a list."""

    search: str = Field(default="", max_length=200, pattern=NO_NUL)
    """Words that all occur in the name or the description, in any order, without regard to case."""
    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    after: str | None = Field(default=None, pattern=NO_NUL)
    """Only what comes after this place; `next` of a page has it filled in."""


class RemovalQuery(DecisionRequest):
    """Why something is taken away."""


def flat(value: Any) -> dict[str, Any]:
    """The attributes of a value of syncd.model.structure with those of its fields, as the resources have them."""
    found = {name: getattr(value, name) for name in value.__slots__ if name != "fields"}
    return {name: getattr(value.fields, name) for name in value.fields.__slots__} | found


def changes_of(patch: Strict) -> dict[str, Any]:
    """What a merge patch says: left out is unchanged, null is removed."""
    empty: dict[str, Any] = {"description": "", "permissions": ()}
    given = patch.model_dump(exclude_unset=True)
    return {
        name: empty.get(name) if value is None else tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
    }
