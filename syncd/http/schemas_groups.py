"""Groups and their members as they go over the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from syncd.http.schemas import MAX_ID, Number, Resource, Strict
from syncd.http.schemas_plans import DecisionRequest
from syncd.http.schemas_structure import NO_NUL, DescriptionText, NameText, StructurePath
from syncd.model.structure import MEMBERS_MAX


class MemberPath(StructurePath):
    """Which member of which group."""

    user_id: int = Field(ge=1, le=MAX_ID)
    """Id of a user."""


class MembersQuery(Strict):
    """Which members."""

    search: str = Field(default="", max_length=200, pattern=NO_NUL)
    """Words that all occur in the names, the username or the primary address, in any order, without regard to case."""
    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    after: int = Field(default=0, ge=0, le=MAX_ID)
    """Only users after the one with this id; `next` of a page has it filled in."""


class GroupRequest(Strict):
    """A new group."""

    name: NameText
    """Unique, in any spelling."""
    description: DescriptionText = ""


class GroupPatch(Strict):
    """What to change of a group (RFC 7396)."""

    name: NameText = Field(default_factory=str)
    description: DescriptionText | None = None


class MembersRequest(Strict):
    """Users to put into a group."""

    users: list[Number] = Field(min_length=1, max_length=MEMBERS_MAX)
    """Their ids."""


class MembersRemoval(DecisionRequest):
    """Users to take out of a group."""

    users: list[Number] = Field(min_length=1, max_length=MEMBERS_MAX)
    """Their ids."""


class GroupResource(Resource):
    """A set of users. It gives no permission."""

    id: int
    name: str
    description: str
    members: int
    version: int
    created_at: datetime


class MemberResource(Resource):
    """Somebody in a group."""

    id: int
    username: str | None
    display_name: str | None
    email: str | None


class MembersChanged(Resource):
    """What came of it."""

    changed: int
    """How many came in, or went out."""
    members: int
    """How many are in it now."""


class GroupPage(Resource):
    """Groups by name."""

    items: list[GroupResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""


class MemberPage(Resource):
    """Members by id."""

    items: list[MemberResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""
