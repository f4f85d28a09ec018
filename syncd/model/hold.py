"""A plan that the guard stopped: what it would have done, why it was not done, and what somebody decided about it.

Only the part of a plan that takes something away (or rests on that) is held; the rest of it is applied. So a held plan's digest
is that of the held part, and a new colleague does not make an approval void.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from syncd.model.records import FieldValue
from syncd.model.run import Mode


class Kind(enum.StrEnum):
    """What the guard counts."""

    USERS_DISABLED = "users_disabled"
    USERS_PURGED = "users_purged"
    ROLES_REMOVED = "roles_removed"
    UNITS_REMOVED = "units_removed"
    # per role identifier
    MEMBERS_LOST = "members_lost"
    GRANTS_REVOKED = "grants_revoked"
    # per field
    VALUES_BLANKED = "values_blanked"
    # known DNs that come with new entry ids
    IDS_REANCHORED = "ids_reanchored"
    USERNAMES_CHANGED = "usernames_changed"
    # the configuration is another one, and the plan removes something
    CONFIGURATION = "configuration"


class PlanState(enum.StrEnum):
    """Where a held plan stands. `held` and `approved` are the only ones that change again."""

    HELD = "held"
    # somebody agreed; the next run applies it if it is still the same
    APPROVED = "approved"
    APPLIED = "applied"
    # somebody said no: the same plan stays held, without another question, until it expires
    REJECTED = "rejected"
    # a later run had another plan, or none
    SUPERSEDED = "superseded"
    EXPIRED = "expired"

    @property
    def open(self) -> bool:
        return self in (PlanState.HELD, PlanState.APPROVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """One reason of the guard to hold a plan."""

    # stable: empty_result, too_many_removed, too_many_purged, roles_removed, units_removed, members_lost, grants_revoked,
    # values_blanked, ids_reanchored, usernames_changed, configuration_changed
    code: str
    kind: Kind
    # one clause without a full stop
    message: str
    # what was counted, of how many, and how many were allowed
    count: int
    population: int
    limit: int
    # name of the role identifier or field, where the threshold is for each
    of: str | None = None


class ChangeRow(NamedTuple):
    """One change of one thing, as people look at it: in a table, in JSON, in CSV."""

    # "person", "grant", "membership", "role_identifier", "unit", "organization", "role", "name", "issue"
    kind: str
    # "create", "update", "disable", "return", "remove", "add", "open", "close"
    action: str
    # entry id or key; None where there is none
    id: str | None
    # DN, identifier or name
    name: str | None
    # the field that changes; None where the whole thing does
    field: str | None
    before: FieldValue
    after: FieldValue
    # which line of the configuration, or which fact of the directory, made it
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHold:
    """A plan to be kept until somebody decides."""

    directory: str
    run_id: int
    mode: Mode
    # Plan.digest of the held part
    digest: str
    objections: tuple[Objection, ...]
    # Plan.counts of the held part
    counts: Mapping[str, int]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPlan:
    """A plan that is, or was, held."""

    id: int
    directory: str
    # the run that first met it
    run_id: int
    mode: Mode
    digest: str
    state: PlanState
    objections: tuple[Objection, ...]
    counts: Mapping[str, int]
    # number of ChangeRow
    changes: int
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None
    # who decided, "" for syncd itself
    decided_by: str = ""
    reason: str = ""

    def open_at(self, now: datetime) -> bool:
        """Whether it can still be decided."""
        return self.state is PlanState.HELD and now < self.expires_at


def objection_json(objection: Objection) -> dict[str, Any]:
    """An objection as it is stored and shown."""
    return {
        "code": objection.code,
        "kind": objection.kind.value,
        "message": objection.message,
        "count": objection.count,
        "population": objection.population,
        "limit": objection.limit,
        "of": objection.of,
    }
