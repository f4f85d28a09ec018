"""API keys as they go over the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from syncd.http.schemas import MAX_ID, Moment, Number, Resource, Strict
from syncd.http.schemas_users import StrictBody
from syncd.services.keys import NAME_MAX


# ---------------------------------------------------------------- in
class KeyPath(Strict):
    """Which key of which user."""

    id: int = Field(ge=1, le=MAX_ID)
    """Id of a user."""
    key_id: int = Field(ge=1, le=MAX_ID)
    """Id of a key."""


class OwnKeyPath(Strict):
    """Which of one's own keys."""

    key_id: int = Field(ge=1, le=MAX_ID)
    """Id of a key."""


class KeyRequest(StrictBody):
    """A key to be made."""

    organization_id: Number
    """What it is for: an organization that the user has access to. A key that they have for it already is replaced."""
    name: str = Field(default="", max_length=NAME_MAX, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", examples=["nightly report"])
    """What to know it by."""
    expires_at: Moment | None = Field(default=None, examples=["2027-01-31T00:00:00Z"])
    """From when on it is useless; left out or null: as late as the configuration allows."""


# ---------------------------------------------------------------- out
class KeyResource(Resource):
    """An API key without its secret."""

    id: int
    user_id: int
    organization_id: int
    organization: str
    """The organization's name."""
    name: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    """Null: it does not expire."""
    last_used_at: datetime | None
    """Null: never; up to a minute late."""


class NewKeyResource(KeyResource):
    """An API key that has just been made."""

    token: str
    """What to send as `Authorization: Bearer TOKEN`. Shown this once: nobody can look it up later."""
    replaced: KeyResource | None
    """The key it took the place of, which is useless now."""


class KeyList(Resource):
    """All keys of a user, by organization."""

    items: list[KeyResource]
