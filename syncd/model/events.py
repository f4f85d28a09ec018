"""Events for other systems: which changes are told, by what name, and where one stands among them.

Each is an audit event, seen from outside. An audit event's number makes two positions: of itself, and of the access.granted
that comes with a `user.created` whose person can log in from the start.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from syncd.model.views import AuditEventView

GRANTED = "access.granted"
CREATED = "user.created"
# first part of the actions that are told; the others (plan, mail, memberships, role_identifier, api_key, …) are inner matters
FAMILIES = frozenset({"user", "role", "group", "organization", "unit", "access"})
# the key of a `user.created` that says so
ACCESS = "can_log_in"
# actions under another name
_RENAMED = {"user.purged": "user.deleted"}
# nothing about the person has changed
_UNTOLD = frozenset({"user.invited", "user.password_forgotten"})
# no audit event has them; if one ever did, they would still stay inside
_NEVER = frozenset({"password", "hash", "digest", "secret", "token"})

# "access.revoked", "user.*", "*"
TYPE_PATTERN = re.compile(rf"\*|(?:{'|'.join(sorted(FAMILIES))})\.(?:\*|[a-z_]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one person, role, group, organization or unit, or of somebody's access."""

    position: int
    type: str
    at: datetime
    # "run", "api", "cli" or "syncd", what time does by itself
    actor_kind: str
    actor: str
    subject_type: str
    subject_id: int
    directory: str | None
    run_id: int | None
    request_id: str | None
    # field -> (before, after); None where there was nothing, or is nothing any more
    changes: Mapping[str, tuple[object, object]]
    # of access.revoked: the login gate's, or "deleted"
    reasons: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Some events in their order."""

    items: tuple[Event, ...]
    # what to go on after, also where there are no events
    position: int
    # there may be further ones already
    more: bool


def type_of(action: str) -> str | None:
    """The type of the event that an audit event is; None when it is not told."""
    name = _RENAMED.get(action, action)
    return name if name.partition(".")[0] in FAMILIES and name not in _UNTOLD else None


def wanted(type_: str, types: Collection[str]) -> bool:
    """Whether one of the types asked for is this one; none at all are all."""
    return not types or "*" in types or type_ in types or f"{type_.partition('.')[0]}.*" in types


def may_hold(action: str, types: Collection[str]) -> bool:
    """Whether an audit event with this action may hold an event of these types."""
    type_ = type_of(action)
    return type_ is not None and (wanted(type_, types) or (type_ == CREATED and wanted(GRANTED, types)))


def last_position(audit_id: int) -> int:
    """After which everything up to this audit event was told."""
    return 2 * audit_id + 1


def first_audit_id(position: int) -> int:
    """Of the first audit event that may hold something that comes after the position."""
    return (position + 1) // 2


def events_of(row: AuditEventView, types: Collection[str]) -> Iterator[Event]:
    """What an audit event is for others."""
    type_ = type_of(row.action)
    if type_ is None:
        return
    before, after = _fields(row.before), _fields(row.after)
    from_start = type_ == CREATED and after.pop(ACCESS, False) is True
    reasons = after.pop("reasons", ()) if type_.startswith("access.") else ()
    if type_.startswith("access."):
        before, after = {ACCESS: type_ != GRANTED}, {ACCESS: type_ == GRANTED}
    if wanted(type_, types):
        yield _event(row, type_, (before, after), reasons=tuple(map(str, _items(reasons))))
    if from_start and wanted(GRANTED, types):
        yield replace(_event(row, GRANTED, ({ACCESS: False}, {ACCESS: True})), position=2 * row.id + 1)


def _event(
    row: AuditEventView, type_: str, fields: tuple[dict[str, object], dict[str, object]], *, reasons: tuple[str, ...] = ()
) -> Event:
    before, after = fields
    names = [name for name in dict.fromkeys((*before, *after)) if name not in _NEVER]
    return Event(
        position=2 * row.id,
        type=type_,
        at=row.at,
        actor_kind=_kind(row),
        actor=row.actor,
        subject_type=row.subject_type,
        subject_id=row.subject_id,
        directory=row.directory,
        run_id=row.run_id,
        request_id=row.request_id,
        changes={name: (before.get(name), after.get(name)) for name in names},
        reasons=reasons,
        reason=row.reason,
    )


def _kind(row: AuditEventView) -> str:
    if row.run_id is not None or row.actor == "run":
        return "run"
    if row.actor == "syncd":
        return "syncd"
    return "api" if row.request_id is not None else "cli"


def _fields(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}


def _items(value: object) -> Collection[object]:
    return value if isinstance(value, (list, tuple)) else ()
