"""One's own account as it goes over the wire: what people see and may change of themselves.

The Distinguished Names of directories are not among it: they are for administrators (S32).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from syncd.http.schemas_access import AccessResource
from syncd.http.schemas_profile import Profile
from syncd.http.schemas_user_view import NamedItem
from syncd.http.schemas_users import Email, ShortText, StrictBody, Text, left_out
from syncd.model.useredit import UserEdit


# ---------------------------------------------------------------- in
class ProfilePatch(StrictBody):
    """Changes of one's own profile (RFC 7396): what is left out stays, null takes a value away."""

    prefix: Text | None = left_out()
    first_name: Text = left_out()
    middle_name: Text | None = left_out()
    last_name: Text = left_out()
    suffix: Text | None = left_out()
    display_name: Text | None = left_out()
    title: Text | None = left_out()
    phone: ShortText | None = left_out()
    birthday: date | None = left_out()
    """Not in the future."""
    emails: Annotated[list[Email], Field(max_length=100)] | None = left_out()
    """All further addresses, beside the primary one."""

    def edit(self) -> UserEdit:
        """The same as the use case has it."""
        return UserEdit(fields={name: getattr(self, name) for name in self.model_fields_set})


# ---------------------------------------------------------------- out
class MeResource(Profile):
    """Who asks."""

    owner_unit: NamedItem | None
    groups: list[NamedItem]
    directories: list[str]
    """Names of the directories that have you."""
    managed: dict[str, str]
    """Field -> the directory that decides it; such a field is read-only."""
    avatar: str | None
    """Address of the picture."""
    last_login_at: datetime | None
    login_count: int
    password_set_at: datetime | None
    """When the local password was set; null: the password is a directory's."""
    access: AccessResource
    """Where you belong and what you may do."""
    version: int
    """One more with every change: the ETag."""
