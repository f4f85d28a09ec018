"""Why a person cannot log in: each reason stands for itself, and all of them are told."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.accounts.gate import login_reasons

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
