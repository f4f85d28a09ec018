"""Business units as people manage them: trees, each inside one organization (S19, S20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from syncd.clock import Clock
from syncd.model.caller import Caller
from syncd.model.structure import Unit, UnitFields, UnitFilter, Window
from syncd.model.views import Page
from syncd.services.ports_structure import UnitStore
from syncd.services.structure_rules import name_text, reason_line

EVERY = UnitFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitService:
    """The use cases of units."""

    units: UnitStore
    clock: Clock

    def list(self, window: Window, wanted: UnitFilter = EVERY) -> Page[Unit]:
        """In the order of a tree. Raises UsageError, NotFoundError."""
        return self.units.list(window, wanted)

    def get(self, unit_id: int) -> Unit:
        """Raises NotFoundError."""
        return self.units.get(unit_id)

    def by_path(self, organization_id: int, path: str) -> int | None:
        """The number of the unit with this path."""
        return self.units.by_path(organization_id, path)

    def create(self, fields: UnitFields, *, caller: Caller) -> Unit:
        """Raises UsageError, NoSuchReferenceError, NameTakenError, UnitTreeError."""
        fields = replace(fields, name=name_text(fields.name))
        return self.units.create(fields, caller=caller, at=self.clock.now())

    def edit(self, unit_id: int, changes: Mapping[str, Any], *, if_match: int | None = None, caller: Caller) -> Unit:
        """Rename it, or move it with all below it. Raises as `create`, PreconditionFailedError, ManagedFieldError, and
        OneselfError when a unit the caller has access to would come to lie above it."""

        def change(before: UnitFields) -> UnitFields:
            fields = replace(before, **changes)
            return replace(fields, name=name_text(fields.name))

        return self.units.edit(unit_id, change, if_match=if_match, caller=caller, at=self.clock.now())

    def delete(self, unit_id: int, *, if_match: int | None = None, reason: str, caller: Caller) -> None:
        """Raises UsageError, NotFoundError, PreconditionFailedError, ManagedFieldError, InUseError."""
        self.units.delete(unit_id, if_match=if_match, reason=reason_line(reason), caller=caller, at=self.clock.now())
