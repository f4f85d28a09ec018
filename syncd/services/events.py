"""The event feed: what has changed since a cursor, in the order in which it was committed.

A cursor is opaque to whoever keeps it. It is good until what follows it is no longer kept; then, or when the store was put back
to an earlier state, it is refused, since nobody could say what was missed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from syncd.errors import CursorExpiredError, UsageError
from syncd.model.events import TYPE_PATTERN, Event, EventPage, events_of, first_audit_id, last_position, may_hold
from syncd.model.views import AuditEventView

NOW = "now"
MAX_LIMIT = 1000
# audit events looked at in one query, and queries for one page: whoever asks for rare types goes on from where that ended
SCAN, LOOKS = 2000, 25


class AuditSlice(Protocol):
    """Some audit events in their order."""

    @property
    def rows(self) -> Sequence[AuditEventView]: ...

    @property
    def through(self) -> int:
        """Number of the last one that was looked at."""


class EventStore(Protocol):
    """Audit events: `syncd.store.events`. Everything raises StoreError."""

    def ends(self) -> tuple[int, int]:
        """The number up to which audit events were pruned, and the newest there was."""

    def look(self, first: int, *, holds: Callable[[str], bool], scan: int, limit: int) -> AuditSlice:
        """Of `scan` audit events from the number `first` on, those whose action `holds` says yes to, at most `limit`."""

    def on_new(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Have `heard` called, in any thread, after this process has written; what to call to end that."""


@dataclass(frozen=True, slots=True)
class EventService:
    """What other systems ask."""

    store: EventStore

    def page(self, *, after: str | None = None, types: Collection[str] = (), limit: int = 100) -> EventPage:
        """Events after a cursor; for None from the oldest that is kept. Raises CursorExpiredError, UsageError, StoreError."""
        check_types(types)
        if not 1 <= limit <= MAX_LIMIT:
            raise UsageError(f"a page has 1 to {MAX_LIMIT} events, not {limit}")
        pruned, newest = self.store.ends()
        if after == NOW:
            return EventPage(items=(), position=last_position(newest), more=False)
        if after is None:
            return self._after(last_position(pruned), newest=newest, types=types, limit=limit)
        position = parse_cursor(after)
        if first_audit_id(position) <= pruned:
            raise CursorExpiredError("Events that followed this cursor are no longer kept.")
        if position > last_position(newest):
            raise CursorExpiredError("This cursor is from a later time than the store: it was put back to an earlier state.")
        return self._after(position, newest=newest, types=types, limit=limit)

    def newest(self) -> int:
        """The position after everything that has happened. Raises StoreError."""
        return last_position(self.store.ends()[1])

    def on_new(self, heard: Callable[[], None]) -> Callable[[], None]:
        """EventStore.on_new."""
        return self.store.on_new(heard)

    def _after(self, position: int, *, newest: int, types: Collection[str], limit: int) -> EventPage:
        for _ in range(LOOKS):
            first = first_audit_id(position)
            looked = self.store.look(first, holds=partial(may_hold, types=types), scan=SCAN, limit=limit + 1)
            found = [event for row in looked.rows for event in events_of(row, types) if event.position > position]
            if len(found) > limit:
                return EventPage(items=tuple(found[:limit]), position=found[limit - 1].position, more=True)
            position = max(position, last_position(looked.through))
            if found or looked.through >= newest or looked.through < first:
                return EventPage(items=tuple(found), position=position, more=looked.through < newest)
        return EventPage(items=(), position=position, more=True)


def check_types(types: Collection[str]) -> None:
    """Raises UsageError for what is no type or family of types."""
    for type_ in types:
        if not TYPE_PATTERN.fullmatch(type_):
            raise UsageError(f"{type_!r} is no type of event: write access.revoked, or user.* for all about users")


def cursor_of(position: int) -> str:
    """The text of a position."""
    return base64.urlsafe_b64encode(f"1:{position}".encode()).decode().rstrip("=")


def parse_cursor(text: str) -> int:
    """The position behind a cursor. Raises UsageError."""
    try:
        version, _, number = (
            base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode().partition(":")
        )
        if version == "1" and number.isascii() and number.isdecimal() and len(number) <= 18:
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise UsageError("the cursor is not one that this server gave")


def shown(event: Event) -> dict[str, object]:
    """An event as JSON has it, in every face alike."""
    return {
        "id": event.position,
        "cursor": cursor_of(event.position),
        "type": event.type,
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "subject": {"type": event.subject_type, "id": event.subject_id},
        "directory": event.directory,
        "changes": {name: {"before": before, "after": after} for name, (before, after) in event.changes.items()},
        "reasons": list(event.reasons),
        "reason": event.reason,
        "actor": {"kind": event.actor_kind, "name": event.actor},
        "run_id": event.run_id,
        "request_id": event.request_id,
    }
