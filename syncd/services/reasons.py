"""Why something is taken away: asked for in one place, and kept in the audit trail."""

from __future__ import annotations

from syncd.errors import UsageError

REASON_MIN, REASON_MAX = 3, 500


def reason_text(reason: str | None) -> str:
    """The reason without spaces around it. Raises UsageError for one that is missing, too short or too long."""
    text = (reason or "").strip()
    if not REASON_MIN <= len(text) <= REASON_MAX:
        raise UsageError(f"a reason of {REASON_MIN} to {REASON_MAX} characters is needed: it goes into the audit trail")
    return text


def checked_reason(reason: str | None, *, needed: bool) -> str | None:
    """The same where a reason may be left out: None for none. Raises UsageError."""
    return reason_text(reason) if needed or (reason or "").strip() else None
