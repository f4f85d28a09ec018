"""Passwords and entries of many people as they go over the wire: what has more to it than who and why."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from syncd.http.schemas import Number, Resource
from syncd.http.schemas_actions import ActionRequest, ActionResource, EntryNamed, UnlinkRequest
from syncd.http.schemas_passwords import Password
from syncd.http.schemas_users import StrictBody
from syncd.services.actions import MAX_AT_ONCE
from syncd.services.bulk_passwords import MAX_PASSWORDS

_WHY = "They are the same people, ticket 4712."
_LINKS: JsonDict = {
    "directory": "corp",
    "rows": [{"id": 42, "dn": "uid=anna,ou=people,dc=example,dc=com"}],
    "reason": _WHY,
}


# ---------------------------------------------------------------- in
class PasswordRow(StrictBody):
    """A password for one person."""

    id: Number
    """Id of the user."""
    password: Password | None = None
    """Left out or null: one that satisfies the policy is suggested, set, and told in the answer."""


class PasswordsRequest(ActionRequest):
    """Passwords for many people."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rows": [{"id": 42}, {"id": 43}], "reason": "Asked by phone."}]})

    rows: list[PasswordRow] = Field(min_length=1, max_length=MAX_PASSWORDS)
    """Of rows with the same id only the first counts; the others are refused."""


class SuggestionsRequest(StrictBody):
    """For whom."""

    ids: list[Number] = Field(min_length=1, max_length=MAX_PASSWORDS)
    """Their ids; one that comes twice counts once."""


class LinkRow(EntryNamed):
    """Which entry becomes whose; either `dn` or `entry_id`."""

    id: Number
    """Id of the user whose it becomes."""


class LinksRequest(UnlinkRequest):
    """Which entries of one directory become whose."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LINKS]})

    rows: list[LinkRow] = Field(min_length=1, max_length=MAX_AT_ONCE)
    """Of rows with the same entry only the first counts; the others are refused."""


class UnlinksRequest(UnlinkRequest):
    """Whose entries of one directory become users of their own."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"directory": "corp", "ids": [42, 43], "reason": _WHY}]})

    ids: list[Number] = Field(min_length=1, max_length=MAX_AT_ONCE)
    """Their ids; one that comes twice counts once."""


# ---------------------------------------------------------------- out
class PasswordRowResource(ActionResource):
    """What came of a password for one person."""

    password: str | None
    """The one that was suggested, told only here; null for one that was given, and where nothing was done."""


class PasswordsResource(Resource):
    """What came of passwords for many."""

    action: Literal["change-password"]
    results: list[PasswordRowResource]
    """In the order of the request."""
    changed: int
    unchanged: int
    refused: int


class SuggestionResource(Resource):
    """A suggestion for one person. It is not set."""

    id: int
    """Id of the user."""
    password: str | None
    """Null where there is none, with the reason."""
    code: str | None
    message: str | None


class SuggestionsResource(Resource):
    """A random password that satisfies the policy for each."""

    results: list[SuggestionResource]
    """In the order of the request."""


class LinkRowResource(ActionResource):
    """What came of linking or unlinking one entry; null where nothing was done."""

    other_id: int | None
    """Whose the entry was, or is now."""
    dn: str | None
    other: str | None
    """What became of that other user: `stays`, `deleted`, `kept` (disabled, for what is their own) or `created`."""


class LinksResource(Resource):
    """What came of linking or unlinking many."""

    action: Literal["link", "unlink"]
    results: list[LinkRowResource]
    """In the order of the request."""
    changed: int
    unchanged: int
    refused: int
