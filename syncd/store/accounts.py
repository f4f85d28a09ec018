"""What directories say of accounts, as conditions of SQL: `syncd.accounts.gate` for many at once; tests hold them together."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_

from syncd.store import schema as t


def shuts_out(now: datetime, identity: Any = t.identities.c) -> ColumnElement[bool]:
    """Whether the account itself is off at that moment, whatever its password. `identity`: the columns of an alias.

    False or unknown otherwise, so it is for WHERE; under NOT it needs an EXISTS around it.
    """
    return or_(
        identity.account_disabled,
        identity.account_locked_until > now,
        identity.account_valid_from > now,
        identity.account_expires_at <= now,
    )


def keeps_out(now: datetime, identity: Any = t.identities.c) -> ColumnElement[bool]:
    """Whether anything about the account or its password keeps the person out at that moment; as `shuts_out`."""
    return or_(shuts_out(now, identity), identity.account_password_must_change, identity.account_password_expires_at <= now)
