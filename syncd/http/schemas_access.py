"""Access of a person as it goes over the wire."""

from __future__ import annotations

from pydantic import Field

from syncd.http.schemas import Resource, Strict
from syncd.model.access import Access


# ---------------------------------------------------------------- in
class AccessQuery(Strict):
    """Whose access."""

    username: str = Field(min_length=1, max_length=255)
    """A username, in any spelling."""


# ---------------------------------------------------------------- out
class AccessOrganizationResource(Resource):
    """An organization that the person has access to."""

    id: int
    name: str
    enabled: bool
    """Access to one that is not enabled lets nobody in."""


class AccessUnitResource(Resource):
    """A business unit that the person may work in."""

    id: int
    organization_id: int
    path: str
    """The names of the unit and of those above it, topmost first, with / between them."""
    direct: bool
    """Whether access was given to this unit itself; else it lies below one that it was given to."""


class AccessRoleResource(Resource):
    """A role that the person has, whatever gave it."""

    id: int
    name: str
    organization_id: int | None
    """Null: system-wide."""


class LocalPermissions(Resource):
    """What counts in one organization alone."""

    organization_id: int
    permissions: list[str]


class AccessResource(Resource):
    """What other systems ask: whether somebody can log in, where they belong, and what they may do."""

    user_id: int
    username: str | None
    can_log_in: bool
    """Whether anything at all is allowed right now; what follows says what would be."""
    reasons: list[str]
    """Why they cannot log in: every reason, with the directory's name where it is a directory's."""
    organizations: list[AccessOrganizationResource]
    units: list[AccessUnitResource]
    """Those that access was given to, and everything below them."""
    roles: list[AccessRoleResource]
    everything: bool
    """An administrator: may do whatever syncd has a name for."""
    permissions: list[str]
    """Added up over all system-wide roles: syncd's own names and those of other systems."""
    organization_permissions: list[LocalPermissions]
    """Added up over the roles of each organization, without those that count everywhere."""


def access_resource(access: Access) -> AccessResource:
    """Access as it is shown."""
    facts = access.facts
    return AccessResource(
        user_id=facts.id,
        username=facts.username,
        can_log_in=not facts.reasons,
        reasons=list(facts.reasons),
        organizations=[AccessOrganizationResource.model_validate(each) for each in facts.organizations],
        units=[AccessUnitResource.model_validate(each) for each in facts.units],
        roles=[AccessRoleResource.model_validate(each) for each in facts.roles],
        everything=access.everything,
        permissions=list(access.permissions),
        organization_permissions=[
            LocalPermissions(organization_id=number, permissions=list(names)) for number, names in access.local.items()
        ],
    )
