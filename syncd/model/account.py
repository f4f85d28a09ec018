"""What one directory says of a person's account, as a value of its own beside the fields it came in."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from syncd.model.records import ACCOUNT_FIELDS, Fields


class AccountState(NamedTuple):
    """Named as in ACCOUNT_FIELDS, in that order; None: the directory does not say."""

    disabled: bool | None = None
    locked_until: datetime | None = None
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    password_must_change: bool | None = None
    password_expires_at: datetime | None = None

    @classmethod
    def of(cls, fields: Fields) -> AccountState:
        """From a record's fields."""
        return cls._make(fields.get(name) for name in ACCOUNT_FIELDS)


NOTHING_SAID = AccountState()
