"""The reasons of the login gate as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from syncd.model.account import NOTHING_SAID, AccountState
from syncd.model.records import FOREVER

_SENTENCES = {
    "disabled": "an administrator has switched them off",
    "locked": "locked",
    "password_reset": "the password must be set anew",
    "password_expired": "the password has expired",
    "no_organization": "no access to any enabled organization",
    "no_unit": "no access to any unit",
}


def reason_sentence(reason: str, accounts: Mapping[str, AccountState]) -> str:
    """A reason with what it means. `accounts`: what each directory says, by its name; times are UTC."""
    if reason in _SENTENCES:
        return f"{reason}: {_SENTENCES[reason]}"
    kind, _, name = reason.partition(":")
    sentence = _of_directory(kind, accounts.get(name, NOTHING_SAID))
    return f"{reason}: directory {name} {sentence}" if sentence else reason


def _of_directory(kind: str, state: AccountState) -> str | None:
    return {
        "directory_missing": "no longer has them",
        "directory_disabled": "has switched the account off",
        "directory_locked": f"has locked the account {_until(state.locked_until)}",
        "directory_not_yet_valid": f"lets the account begin on {_shown(state.valid_from)}",
        "directory_expired": f"let the account end on {_shown(state.expires_at)}",
        "directory_password_must_change": "wants a new password first",
        "directory_password_expired": f"let the password expire on {_shown(state.password_expires_at)}",
    }.get(kind)


def _until(moment: datetime | None) -> str:
    return "until somebody unlocks it" if moment is None or moment >= FOREVER else f"until {_shown(moment)}"


def _shown(moment: datetime | None) -> str:
    return "an unknown day" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
