"""Groups as people manage them: sets of users, for filters and notifications. They give no permission (S21)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from syncd.clock import Clock
from syncd.errors import UsageError
from syncd.model.caller import Caller
from syncd.model.structure import MEMBERS_MAX, Group, GroupFields, Member, Window
from syncd.model.views import Page
from syncd.services.ports_structure import GroupStore
from syncd.services.structure_rules import description_text, name_text, reason_line


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupService:
    """The use cases of groups."""

    groups: GroupStore
    clock: Clock

    def list(self, window: Window) -> Page[Group]:
        """By name. Raises UsageError."""
        return self.groups.list(window)

    def get(self, group_id: int) -> Group:
        """Raises NotFoundError."""
        return self.groups.get(group_id)

    def by_name(self, name: str) -> int | None:
        """The number of the group of this name."""
        return self.groups.by_name(name)

    def create(self, fields: GroupFields, *, caller: Caller) -> Group:
        """Raises UsageError, NameTakenError."""
        return self.groups.create(_checked(fields), caller=caller, at=self.clock.now())

    def edit(self, group_id: int, changes: Mapping[str, Any], *, if_match: int | None = None, caller: Caller) -> Group:
        """Change these fields. Raises UsageError, NotFoundError, PreconditionFailedError, NameTakenError."""

        def change(before: GroupFields) -> GroupFields:
            return _checked(replace(before, **changes))

        return self.groups.edit(group_id, change, if_match=if_match, caller=caller, at=self.clock.now())

    def delete(self, group_id: int, *, if_match: int | None = None, reason: str, caller: Caller) -> None:
        """Nobody loses anything by it. Raises UsageError, NotFoundError, PreconditionFailedError."""
        self.groups.delete(group_id, if_match=if_match, reason=reason_line(reason), caller=caller, at=self.clock.now())

    def members(self, group_id: int, *, text: str = "", limit: int = 50, after: int = 0) -> Page[Member]:
        """By number of the user, those after that one. Raises NotFoundError, UsageError."""
        return self.groups.members(group_id, text=text, limit=limit, after=after)

    def add(self, group_id: int, user_ids: Collection[int], *, caller: Caller) -> int:
        """How many were not in it before. Raises UsageError, NotFoundError."""
        return self.groups.add(group_id, _few(user_ids), caller=caller, at=self.clock.now())

    def remove(self, group_id: int, user_ids: Collection[int], *, reason: str, caller: Caller) -> int:
        """How many were in it. Raises UsageError, NotFoundError."""
        return self.groups.remove(group_id, _few(user_ids), reason=reason_line(reason), caller=caller, at=self.clock.now())


def _checked(fields: GroupFields) -> GroupFields:
    return replace(fields, name=name_text(fields.name), description=description_text(fields.description))


def _few(user_ids: Collection[int]) -> list[int]:
    if not 1 <= len(user_ids) <= MEMBERS_MAX:
        raise UsageError(f"1 to {MEMBERS_MAX} users at a time")
    return sorted(set(user_ids))
