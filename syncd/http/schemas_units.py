"""Units as they go over the wire."""

from __future__ import annotations

from pydantic import Field

from syncd.http.schemas import MAX_ID, Number, Resource, Strict
from syncd.http.schemas_structure import ListQuery, NameText


class UnitsQuery(ListQuery):
    """Which units."""

    organization: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only units of this organization."""
    parent: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only units that lie directly in this one."""
    division: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only this unit and all below it."""


class UnitRequest(Strict):
    """A new unit."""

    name: NameText
    """Unique among those in the same place."""
    organization_id: Number
    parent_id: Number | None = None
    """The unit it lies in, of the same organization; null: at the top."""


class UnitPatch(Strict):
    """What to change of a unit (RFC 7396)."""

    name: NameText = Field(default_factory=str)
    parent_id: Number | None = None
    """Moves it, with all below it; null: to the top of its organization."""


class UnitResource(Resource):
    """A business unit."""

    id: int
    name: str
    organization_id: int
    organization: str
    """Its name."""
    parent_id: int | None
    """The unit it lies in; null at the top of its organization."""
    path: str
    """Names from the top, with slashes between them; a slash inside a name is `\\/`."""
    depth: int
    """0 at the top."""
    directory: str | None
    """The directory it comes from, which decides everything about it; null for one made by hand."""
    users: int
    """People in it, not counting those of units below."""
    children: int
    """Units directly in it."""
    version: int


class UnitPage(Resource):
    """Units, organization by organization, each before those that lie in it."""

    items: list[UnitResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""
