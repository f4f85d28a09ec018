"""Why a person cannot log in.

There is no single switch. An administrator's, the authentication status, each directory's word and what the person may
reach are kept apart (invariant 13), and only this function puts them together, so that the export, the console and the
login itself cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence

# authentication status -> the reason it gives; "active" gives none
_STATUS_REASONS = {
    "active": None,
    "locked": "locked",
    "reset": "password_reset",
    "expired": "password_expired",
}


def login_reasons(
    *, enabled: bool, auth_status: str, missing_in: Sequence[str], organizations_enabled: int, units: int, manual: bool
) -> tuple[str, ...]:
    """Every reason why a person cannot log in, in a fixed order; empty when they can.

    `missing_in`: names of the directories that once had the person and no longer do. Each stands for itself: a person of
    two directories who has left one is not let in by the other. A manual user belongs to no directory, so it is ignored
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
    if organizations_enabled < 1:
        reasons.append("no_organization")
    if units < 1:
        reasons.append("no_unit")
    return tuple(reasons)
