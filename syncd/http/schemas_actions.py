"""Actions, API keys and access as they go over the wire."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from syncd.http.schemas import WHOLE, Number, Reason, Resource
from syncd.http.schemas_structure import NO_NUL
from syncd.http.schemas_users import StrictBody, left_out
from syncd.model.actions import Action, Result
from syncd.model.dn import InvalidDN, normalize
from syncd.services.actions import MAX_AT_ONCE

# longest filter, characters
MAX_FILTER = 2000


# ---------------------------------------------------------------- in
class ActionRequest(StrictBody):
    """What goes with an action that takes nothing away."""

    reason: Reason | None = None
    """Why; it goes into the audit trail."""


class TakingRequest(StrictBody):
    """What goes with an action that takes something away."""

    reason: Reason = Field(examples=["Left the company on 2 March, ticket 4711."])
    """3 to 500 characters without line breaks; it goes into the audit trail."""


def _example(**more: str) -> JsonDict:
    return {"ids": [42, 43], **more}


_WHO: JsonDict = {
    "oneOf": [{"required": ["ids"]}, {"required": ["filter"]}],
    "dependentRequired": {"filter": ["count"], "count": ["filter"]},
}


class _Who(StrictBody):
    """Who is meant: by id, or by a filter with the number of people that it finds."""

    ids: list[Number] = left_out(min_length=1, max_length=MAX_AT_ONCE)
    """Their ids; one that comes twice counts once."""
    filter: str = left_out(min_length=1, max_length=MAX_FILTER, examples=['tag eq "summer-2026"'])
    """In place of ids: a filter as lists of users take it, with `count`."""
    count: Annotated[int, Field(ge=0, le=MAX_AT_ONCE), WHOLE] = left_out()
    """How many people the filter is meant to find; with another number nothing is done."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.model_fields_set & {"ids", "filter", "count"} not in ({"ids"}, {"filter", "count"}):
            raise ValueError("say who: by `ids`, or by `filter` and `count`")
        return self


class ManyRequest(_Who, ActionRequest):
    """Many people."""

    model_config = ConfigDict(json_schema_extra=_WHO | {"examples": [_example()]})


class TakingManyRequest(_Who, TakingRequest):
    """Many people, and why."""

    model_config = ConfigDict(json_schema_extra=_WHO | {"examples": [_example(reason="The Lisbon office was sold.")]})


def _of_text(one: str, other: str) -> JsonDict:
    """JSON Schema: the one is a text, and the other left out or null."""
    return {"required": [one], "properties": {one: {"type": "string"}, other: {"type": "null"}}}


class EntryNamed(StrictBody):
    """Which entry; either `dn` or `entry_id`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_of_text("dn", "entry_id"), _of_text("entry_id", "dn")]})

    dn: str | None = Field(default=None, min_length=1, max_length=4000)
    """The entry's DN."""
    entry_id: str | None = Field(default=None, min_length=1, max_length=400, pattern=NO_NUL)
    """The entry's id."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.dn is None) == (self.entry_id is None):
            raise ValueError("say which entry: by its DN or by its id")
        if self.dn is not None:
            try:
                normalize(self.dn)
            except InvalidDN as error:
                raise ValueError(f"this is no DN: {error}") from error
        return self


class LinkRequest(EntryNamed, TakingRequest):
    """Which entry becomes the user's; either `dn` or `entry_id`."""

    directory: str = Field(min_length=1, max_length=200, pattern=NO_NUL)
    """Name of a configured directory."""


class UnlinkRequest(TakingRequest):
    """Which entry becomes a user of its own."""

    directory: str = Field(min_length=1, max_length=200, pattern=NO_NUL)
    """Name of a configured directory."""


# ---------------------------------------------------------------- out
class ActionResource(Resource):
    """What came of an action for one person."""

    id: int
    """Id of the user."""
    result: Result
    """`changed`; `unchanged`: it was so already, or means nothing in that state; `refused`: nothing was done."""
    code: str | None
    """Stable code of why nothing changed; null when something did."""
    message: str | None
    """The same in one sentence."""


class BulkResource(Resource):
    """What came of an action for many: one result each, and how many of each kind."""

    action: Action
    results: list[ActionResource]
    """In the order of the request."""
    changed: int
    unchanged: int
    refused: int


class LinkResource(Resource):
    """What became of an entry that was given to another user."""

    user_id: int
    """Who was asked about."""
    other_id: int
    """Whose it was, or is now."""
    dn: str
    other: str
    """What became of that other user: `stays`, `deleted`, `kept` (disabled, for what is their own) or `created`."""
