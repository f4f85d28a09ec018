"""The first administrator, without whom nobody could make another (S1, S18)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.errors import ConfigurationError, ConflictError
from syncd.model.caller import Caller
from syncd.model.useredit import FirstPlace, NewUser, UserDetail
from syncd.services.users import UserService
from syncd.settings.directory import DirectorySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAdministrator:
    """The use case."""

    users: UserService
    # names of the organization and the unit that a site begins with
    defaults: tuple[str, str]

    def require_none(self, *, force: bool) -> None:
        """Raises ConflictError when somebody can administer already, unless that is known and wanted."""
        service = self.users
        if not service.administrator_roles:
            raise ConfigurationError("`administrator_roles` is empty: no role makes anybody an administrator")
        found = service.users.administrators(service.administrator_roles, now=service.clock.now())
        if found and not force:
            raise ConflictError(
                f"there {'is one administrator' if found == 1 else f'are {found} administrators'} already",
                advice="Ask one of them, or `syncd users create`; with --force this makes one more.",
            )

    def create(
        self, fields: Mapping[str, Any], password: str, *, organization: str | None, unit: str | None, caller: Caller,
        force: bool = False,
    ) -> UserDetail:  # fmt: skip
        """Make them, with the role, the organization and the unit where these are missing. Raises SyncdError."""
        self.require_none(force=force)
        service = self.users
        hashed = service.hashed(password, fields)
        at = service.clock.now()
        new = NewUser(fields=service.checked(fields, at), enabled=True, role_ids=frozenset())
        role = next(iter(service.administrator_roles))
        place = FirstPlace(role=role, organization=organization, unit=unit, defaults=self.defaults)
        number = service.users.create_administrator(new, place, password_hash=hashed, caller=caller, at=at)
        return service.get(number)


def first_place(directories: Iterable[DirectorySettings]) -> tuple[str, str]:
    """The names of the organization and the unit that a site begins with: those that its first directory will want, so that no
    second ones come with the first sync."""
    for settings in directories:
        told = settings.organization
        return told if isinstance(told, str) else told.default, settings.units.default
    return "Main", "Main"
