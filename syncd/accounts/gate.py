"""Why a person cannot log in.

There is no single switch. An administrator's, the authentication status, each directory's word and what the person may
reach are kept apart (invariant 13), and only this function puts them together, so that the export, the console and the
login itself cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from syncd.model.account import NOTHING_SAID, AccountState

# authentication status -> the reason it gives; "active" gives none
_STATUS_REASONS = {
    "active": None,
    "locked": "locked",
    "reset": "password_reset",
    "expired": "password_expired",
}


def account_reasons(state: AccountState, *, now: datetime) -> tuple[str, ...]:
    """What of it keeps the person out at that moment, in a fixed order; ends are exclusive, beginnings inclusive."""
    return tuple(_account_reasons(state, now)) if state != NOTHING_SAID else ()


def _account_reasons(state: AccountState, now: datetime) -> Iterator[str]:
    if state.disabled:
        yield "directory_disabled"
    if state.locked_until is not None and now < state.locked_until:
        yield "directory_locked"
    if state.valid_from is not None and now < state.valid_from:
        yield "directory_not_yet_valid"
    if state.expires_at is not None and now >= state.expires_at:
        yield "directory_expired"
    if state.password_must_change:
        yield "directory_password_must_change"
    if state.password_expires_at is not None and now >= state.password_expires_at:
        yield "directory_password_expired"


def shut_out(state: AccountState, *, now: datetime) -> bool:
    """Whether the account itself is off at that moment, whatever its password."""
    return any(not reason.startswith("directory_password") for reason in account_reasons(state, now=now))


def login_reasons(
    *,
    enabled: bool,
    auth_status: str,
    missing_in: Sequence[str],
    organizations_enabled: int,
    units: int,
    manual: bool,
    accounts: Iterable[tuple[str, AccountState]] = (),
    now: datetime | None = None,
) -> tuple[str, ...]:
    """Every reason why a person cannot log in, in a fixed order; empty when they can.

    `missing_in`: names of the directories that once had the person and no longer do. Each stands for itself: a person of
    two directories who has left one is not let in by the other. `accounts`: what each directory that has them says of their
    account, judged at `now`, without which that raises ValueError. A manual user belongs to no directory, so both are ignored
    for them. `organizations_enabled`, `units`: how many the person has access to.
    An unknown `auth_status` raises ValueError: what is not understood must not let anyone in.
    """
    if auth_status not in _STATUS_REASONS:
        raise ValueError(f"unknown authentication status {auth_status!r}")
    reasons = [] if enabled else ["disabled"]
    status_reason = _STATUS_REASONS[auth_status]
    if status_reason is not None:
        reasons.append(status_reason)
    if not manual:
        reasons.extend(f"directory_missing:{name}" for name in sorted(set(missing_in)))
        reasons.extend(_directory_reasons(accounts, now))
    if organizations_enabled < 1:
        reasons.append("no_organization")
    if units < 1:
        reasons.append("no_unit")
    return tuple(reasons)


def _directory_reasons(accounts: Iterable[tuple[str, AccountState]], now: datetime | None) -> Iterator[str]:
    for name, state in sorted(accounts, key=lambda pair: pair[0]):
        if state == NOTHING_SAID:
            continue
        if now is None:
            raise ValueError("what a directory says of an account means nothing without the time")
        yield from (f"{reason}:{name}" for reason in account_reasons(state, now=now))
