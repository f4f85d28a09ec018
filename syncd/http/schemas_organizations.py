"""Organizations as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from syncd.http.schemas import Resource, Strict
from syncd.http.schemas_structure import ListQuery, NameText


class OrganizationsQuery(ListQuery):
    """Which organizations."""

    enabled: Literal["true", "false"] | None = None
    """Only those that are enabled, or that are not."""


class OrganizationRequest(Strict):
    """A new organization."""

    name: NameText
    """Unique, in any spelling."""
    enabled: bool = Field(default=True, strict=True)


class OrganizationPatch(Strict):
    """What to change of an organization (RFC 7396)."""

    name: NameText = Field(default_factory=str)


class OrganizationResource(Resource):
    """An organization. Nobody can log in without access to an enabled one."""

    id: int
    name: str
    enabled: bool
    directories: list[str]
    """Directories that use it."""
    managed_by: str | None
    """The directory that made it, which alone decides its name; null for one made by hand."""
    users: int
    """People with access to it."""
    units: int
    version: int
    created_at: datetime
    updated_at: datetime


class OrganizationPage(Resource):
    """Organizations by name."""

    items: list[OrganizationResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""
