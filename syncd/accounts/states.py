"""What happens to a person's account, as a table: event, state before, state after.

Two axes that never touch each other: the administrator's switch, and the authentication status with its counter. What a
directory says is a third thing, which no event here changes and which changes nothing here. Whoever writes one of these events
to the store asks this table, docs/actions.md shows it, and the state machine test walks through it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class AuthStatus(enum.StrEnum):
    """What the person's own password is good for."""

    ACTIVE = "active"
    # too many failed logins in a row
    LOCKED = "locked"
    # an administrator wants a new password first
    RESET = "reset"
    # the password has become too old
    EXPIRED = "expired"


class Event(enum.StrEnum):
    """What can happen."""

    FAILED_LOGIN = "failed_login"
    LOGIN = "login"
    ACTIVATE = "activate"
    # by an administrator
    RESET = "reset"
    # by the person, who asks for a link
    FORGOT = "forgot"
    # by a link, by an administrator or by the person
    SAVED = "password_saved"
    # the password is older than the limit
    AGED = "aged"
    ENABLE = "enable"
    DISABLE = "disable"
    # in a directory: its word about the account is kept beside all this
    DIRECTORY_SAYS = "directory_says"
    ENTRY_GONE = "entry_gone"
    ENTRY_BACK = "entry_back"


class Counter(enum.Enum):
    """What becomes of the number of failed logins."""

    KEEP = enum.auto()
    ADD = enum.auto()
    ZERO = enum.auto()


class Standing(NamedTuple):
    """Where a person stands."""

    enabled: bool = True
    status: AuthStatus = AuthStatus.ACTIVE
    # since the last good login
    failed_logins: int = 0


class Change(NamedTuple):
    """What a change of state found and left."""

    before: Standing
    # False: it was so already, or the event means nothing in that state
    changed: bool
    # of the user's row, afterwards
    version: int


Guard = Callable[[Standing, int], bool]


def _reaches_limit(standing: Standing, limit: int) -> bool:
    return standing.failed_logins + 1 >= limit


def _always(_standing: Standing, _limit: int) -> bool:
    return True


ANY = frozenset(AuthStatus)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the table."""

    event: Event
    # authentication statuses before
    before: frozenset[AuthStatus] = ANY
    # None: stays as it was
    status: AuthStatus | None = None
    # the switch before; None: either
    while_enabled: bool | None = None
    # the switch after; None: stays as it was
    enabled: bool | None = None
    counter: Counter = Counter.KEEP
    # of the standing before and the limit of failed logins
    guard: Guard = _always
    # whether open sessions end
    ends_sessions: bool = False

    def fits(self, standing: Standing, event: Event, limit: int) -> bool:
        """Whether this is the line for an event in a state."""
        return (
            event is self.event
            and standing.status in self.before
            and self.while_enabled in (None, standing.enabled)
            and self.guard(standing, limit)
        )

    def after(self, standing: Standing) -> Standing:
        """Where the person stands then."""
        count = {Counter.KEEP: standing.failed_logins, Counter.ADD: standing.failed_logins + 1, Counter.ZERO: 0}[self.counter]
        enabled = standing.enabled if self.enabled is None else self.enabled
        return Standing(enabled, self.status or standing.status, count)


_LOCKED = frozenset({AuthStatus.LOCKED})
_ACTIVE = frozenset({AuthStatus.ACTIVE})
_WAITING = frozenset({AuthStatus.RESET, AuthStatus.EXPIRED})

# the first line that fits counts; where none does, the event means nothing in that state
STEPS: tuple[Step, ...] = (
    Step(Event.FAILED_LOGIN, status=AuthStatus.LOCKED, counter=Counter.ADD, guard=_reaches_limit, ends_sessions=True),
    Step(Event.FAILED_LOGIN, counter=Counter.ADD),
    Step(Event.LOGIN, _ACTIVE, while_enabled=True, counter=Counter.ZERO),
    Step(Event.ACTIVATE, _LOCKED, status=AuthStatus.ACTIVE, counter=Counter.ZERO),
    Step(Event.RESET, while_enabled=True, status=AuthStatus.RESET, ends_sessions=True),
    Step(Event.FORGOT),
    # whoever proved who they are by a link begins anew; a lock is only taken away by Activate
    Step(Event.SAVED, _WAITING, status=AuthStatus.ACTIVE, counter=Counter.ZERO, ends_sessions=True),
    Step(Event.SAVED, ends_sessions=True),
    Step(Event.AGED, _ACTIVE, status=AuthStatus.EXPIRED),
    Step(Event.ENABLE, while_enabled=False, enabled=True),
    Step(Event.DISABLE, while_enabled=True, enabled=False, ends_sessions=True),
    Step(Event.DIRECTORY_SAYS),
    Step(Event.ENTRY_GONE),
    Step(Event.ENTRY_BACK),
)


def step_for(standing: Standing, event: Event, *, limit: int) -> Step | None:
    """The line of the table, None where the event means nothing in this state. `limit`: failed logins that lock."""
    return next((step for step in STEPS if step.fits(standing, event, limit)), None)


def after(standing: Standing, event: Event, *, limit: int) -> Standing:
    """Where a person stands after an event."""
    step = step_for(standing, event, limit=limit)
    return standing if step is None else step.after(standing)
