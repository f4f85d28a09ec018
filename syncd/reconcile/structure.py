"""The difference between what surrounds people: organizations, units, role identifiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from syncd.model.plan import Action, StructureChange
from syncd.model.records import OrganizationRecord, RoleIdentifierRecord, UnitRecord

T = TypeVar("T", OrganizationRecord, UnitRecord, RoleIdentifierRecord)


def diff_structure(desired: Mapping[str, T], stored: Mapping[str, T], *, removing: bool) -> tuple[StructureChange[T], ...]:
    """What makes the stored records the desired ones, by key, in a stable order.

    `removing=False` where the desired set is known to be a part only (units found in the values of changed people).
    """
    changes: list[StructureChange[T]] = []
    for key in sorted(desired.keys() | stored.keys()):
        before, after = stored.get(key), desired.get(key)
        if after is None:
            if removing:
                changes.append(StructureChange(Action.REMOVE, key, before, None))
        elif before is None:
            changes.append(StructureChange(Action.CREATE, key, None, after))
        elif before != after:
            changes.append(StructureChange(Action.UPDATE, key, before, after))
    return tuple(changes)
