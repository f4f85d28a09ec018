"""Why a person cannot log in: each reason stands for itself, and all of them are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.accounts.gate import account_reasons, login_reasons
from syncd.model.account import AccountState
from syncd.model.records import ACCOUNT_FIELDS, ACCOUNT_PREFIX, FOREVER

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)

FINE: dict[str, Any] = {
    "enabled": True,
    "auth_status": "active",
    "missing_in": (),
    "organizations_enabled": 1,
    "units": 1,
    "manual": False,
}


def test_someone_with_everything_in_order_can_log_in() -> None:
    assert login_reasons(**FINE) == ()


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"enabled": False}, ("disabled",)),
        ({"auth_status": "locked"}, ("locked",)),
        ({"auth_status": "reset"}, ("password_reset",)),
        ({"auth_status": "expired"}, ("password_expired",)),
        ({"missing_in": ["corp"]}, ("directory_missing:corp",)),
        ({"organizations_enabled": 0}, ("no_organization",)),
        ({"units": 0}, ("no_unit",)),
    ],
)
def test_each_cause_alone_is_its_own_reason(change: dict[str, Any], reasons: tuple[str, ...]) -> None:
    assert login_reasons(**FINE | change) == reasons


def test_all_causes_together_are_all_told_in_a_fixed_order() -> None:
    reasons = login_reasons(
        enabled=False,
        auth_status="locked",
        missing_in=["hq", "corp", "hq"],
        organizations_enabled=0,
        units=0,
        manual=False,
    )
    assert reasons == (
        "disabled",
        "locked",
        "directory_missing:corp",
        "directory_missing:hq",
        "no_organization",
        "no_unit",
    )


def test_a_manual_user_is_missing_in_no_directory() -> None:
    assert login_reasons(**FINE | {"manual": True, "missing_in": ["corp"]}) == ()


def test_an_unknown_status_lets_nobody_in() -> None:
    with pytest.raises(ValueError, match="unknown authentication status 'frozen'"):
        login_reasons(**FINE | {"auth_status": "frozen"})


# ---------------------------------------------------------------- what directories say
@pytest.mark.parametrize(
    ("state", "reasons"),
    [
        ({}, ()),
        ({"disabled": True}, ("directory_disabled",)),
        ({"disabled": False}, ()),
        ({"locked_until": FOREVER}, ("directory_locked",)),
        ({"locked_until": NOW + MOMENT}, ("directory_locked",)),
        ({"locked_until": NOW}, ()),
        ({"valid_from": NOW + MOMENT}, ("directory_not_yet_valid",)),
        ({"valid_from": NOW}, ()),
        ({"expires_at": NOW}, ("directory_expired",)),
        ({"expires_at": NOW + MOMENT}, ()),
        ({"password_must_change": True}, ("directory_password_must_change",)),
        ({"password_must_change": False}, ()),
        ({"password_expires_at": NOW}, ("directory_password_expired",)),
        ({"password_expires_at": NOW + MOMENT}, ()),
    ],
)
def test_each_word_of_a_directory_by_the_clock(state: dict[str, Any], reasons: tuple[str, ...]) -> None:
    assert account_reasons(AccountState(**state), now=NOW) == reasons


def test_a_lockout_ends_with_the_clock_alone() -> None:
    accounts = [("corp", AccountState(locked_until=NOW))]
    assert login_reasons(**FINE, accounts=accounts, now=NOW - MOMENT) == ("directory_locked:corp",)
    assert login_reasons(**FINE, accounts=accounts, now=NOW) == ()


def test_each_directory_speaks_for_itself_and_all_of_them_are_told() -> None:
    accounts = [("hq", AccountState(disabled=True)), ("corp", AccountState(disabled=True, expires_at=NOW))]
    found = login_reasons(**FINE | {"missing_in": ["lab"]}, accounts=accounts, now=NOW)
    assert found == (
        "directory_missing:lab",
        "directory_disabled:corp",
        "directory_expired:corp",
        "directory_disabled:hq",
    )
    assert login_reasons(**FINE | {"manual": True}, accounts=accounts, now=NOW) == ()


def test_account_state_without_the_time_lets_nobody_in() -> None:
    with pytest.raises(ValueError, match="nothing without the time"):
        login_reasons(**FINE, accounts=[("corp", AccountState(disabled=False))])


def test_the_state_is_what_the_mapping_brings() -> None:
    assert tuple(ACCOUNT_PREFIX + name for name in AccountState._fields) == ACCOUNT_FIELDS
