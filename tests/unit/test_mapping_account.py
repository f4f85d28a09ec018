"""What each vendor's attributes say of an account: the table of docs/account-state.md, line by line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.mapping.account import AccountRule
from syncd.mapping.account_policy import ENDLESS, AccountPolicy, PasswordPolicy
from syncd.mapping.problems import BadValue
from syncd.model.attributes import canonical_attribute
from syncd.model.entry import Entry
from syncd.model.records import ACCOUNT_FIELDS, FOREVER

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEVER = 0x7FFFFFFFFFFFFFFF
HALF_HOUR = PasswordPolicy(lockout_duration=timedelta(minutes=30), max_age=timedelta(days=42))
POLICY = AccountPolicy(default=HALF_HOUR)


def filetime(moment: datetime) -> int:
    return int((moment - datetime(1601, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 10


def fields(
    scheme: str, policy: AccountPolicy | None = POLICY, lockout: timedelta | None = None, /, **values: Any
) -> dict[str, Any]:
    """The fields that say something, without their prefix."""
    attributes = {
        canonical_attribute(name.replace("_", "-")): [
            str(value).encode() for value in (values[name] if isinstance(values[name], list) else [values[name]])
        ]
        for name in values
    }
    found = AccountRule(scheme, policy, lockout_duration=lockout).fields(Entry("uid=anna,dc=x", attributes))
    assert tuple(found) == ACCOUNT_FIELDS
    return {name.removeprefix("account."): value for name, value in found.items() if value is not None}


def ad(*arguments: Any, **values: Any) -> dict[str, Any]:
    return fields("active_directory", *arguments, **values)


# ---------------------------------------------------------------- Active Directory
@pytest.mark.parametrize(
    ("control", "disabled"),
    [(512, False), (514, True), (66050, True), (66048, False), (0x10, False), (512 | 0x10, False), (-2147483648 | 0x202, True)],
)
def test_ad_disabled_is_one_bit_and_the_lockout_bit_is_not_believed(control: int, disabled: bool) -> None:
    found = ad(userAccountControl=control)
    assert found["disabled"] is disabled
    assert "locked_until" not in found


@pytest.mark.parametrize(
    ("value", "expires"),
    [
        (0, None),
        (NEVER, None),
        (filetime(datetime(9999, 12, 31, tzinfo=UTC)), None),
        (filetime(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)), None),
        (NEVER - 1, None),
        (2650467743999999999, None),
        (filetime(NOON), NOON),
        (filetime(datetime(2001, 1, 1, tzinfo=UTC)), datetime(2001, 1, 1, tzinfo=UTC)),
    ],
)
def test_ad_account_expires(value: int, expires: datetime | None) -> None:
    assert ad(accountExpires=value).get("expires_at") == expires


@pytest.mark.parametrize(
    ("policy", "setting", "until"),
    [
        (HALF_HOUR, None, NOON + timedelta(minutes=30)),
        (HALF_HOUR, timedelta(hours=9), NOON + timedelta(minutes=30)),
        (PasswordPolicy(lockout_duration=ENDLESS), timedelta(hours=9), FOREVER),
        (PasswordPolicy(), timedelta(hours=9), NOON + timedelta(hours=9)),
        (PasswordPolicy(), None, FOREVER),
        (PasswordPolicy(lockout_duration=timedelta(days=3_000_000)), None, FOREVER),
    ],
)
def test_ad_locked_until_the_policy_s_end(policy: PasswordPolicy, setting: timedelta | None, until: datetime) -> None:
    assert ad(AccountPolicy(default=policy), setting, lockoutTime=filetime(NOON))["locked_until"] == until


def test_ad_a_lockout_that_was_lifted() -> None:
    assert ad(lockoutTime=0) == {}


def test_ad_a_lockout_by_the_person_s_own_policy() -> None:
    own = "CN=strict,CN=Password Settings Container,CN=System,DC=x"
    policy = AccountPolicy(default=HALF_HOUR, by_dn={own.lower(): PasswordPolicy(lockout_duration=ENDLESS)})
    locked = {"lockoutTime": filetime(NOON)}
    assert ad(policy, **locked, msDS_ResultantPSO=own)["locked_until"] == FOREVER
    assert ad(policy, **locked)["locked_until"] == NOON + timedelta(minutes=30)
    # one that is not seen says nothing, and the domain's does not apply
    assert ad(policy, timedelta(hours=1), **locked, msDS_ResultantPSO=f"CN=o,{own}")["locked_until"] == NOON + timedelta(
        hours=1
    )


def test_ad_the_person_s_own_policy_is_asked_for_only_where_there_are_some() -> None:
    assert "msDS-ResultantPSO" not in AccountRule("active_directory", POLICY).attributes
    assert "msDS-ResultantPSO" in AccountRule("active_directory", AccountPolicy(by_dn={"cn=x": HALF_HOUR})).attributes


@pytest.mark.parametrize("lasting", [0x10000, 0x40000, 0x1000])
def test_ad_password_must_change(lasting: int) -> None:
    assert ad(userAccountControl=512, pwdLastSet=0) == {"disabled": False, "password_must_change": True}
    assert ad(pwdLastSet=0) == {"password_must_change": True}
    # [MS-SAMR] 3.1.5.14.4: never for those
    assert ad(userAccountControl=512 | lasting, pwdLastSet=0) == {"disabled": False, "password_must_change": False}


def test_ad_password_expires_by_the_policy_s_age() -> None:
    changed = {"userAccountControl": 512, "pwdLastSet": filetime(NOON)}
    assert ad(**changed)["password_expires_at"] == NOON + timedelta(days=42)
    assert ad(**changed)["password_must_change"] is False
    assert "password_expires_at" not in ad(**changed | {"userAccountControl": 66048})
    assert "password_expires_at" not in ad(AccountPolicy(), **changed)
    assert "password_expires_at" not in ad(AccountPolicy(default=PasswordPolicy(max_age=ENDLESS)), **changed)


def test_ad_an_entry_that_shows_nothing_says_nothing() -> None:
    assert ad() == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"userAccountControl": "many"}, "userAccountControl 'many' is not a whole number"),
        ({"lockoutTime": -5}, "lockoutTime '-5' is a negative FILETIME"),
        ({"accountExpires": "tomorrow"}, "accountExpires 'tomorrow' is not a whole number"),
        ({"pwdLastSet": ""}, None),
    ],
)
def test_ad_a_malformed_value_is_no_state(values: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert ad(**values) == {}
    else:
        with pytest.raises(BadValue, match=message):
            ad(**values)


# ---------------------------------------------------------------- OpenLDAP
def ppolicy(*arguments: Any, **values: Any) -> dict[str, Any]:
    return fields("ppolicy", *arguments, **values)


@pytest.mark.parametrize("text", ["000001010000Z", "00000101000000Z", "000001010000z"])
def test_ppolicy_locked_by_an_administrator(text: str) -> None:
    assert ppolicy(pwdAccountLockedTime=text) == {"locked_until": FOREVER}


@pytest.mark.parametrize(
    ("policy", "setting", "until"),
    [
        (HALF_HOUR, None, NOON + timedelta(minutes=30)),
        (PasswordPolicy(lockout_duration=ENDLESS), None, FOREVER),
        (PasswordPolicy(), None, FOREVER),
        (PasswordPolicy(), timedelta(minutes=5), NOON + timedelta(minutes=5)),
    ],
)
def test_ppolicy_locked_after_failed_logins(policy: PasswordPolicy, setting: timedelta | None, until: datetime) -> None:
    found = ppolicy(AccountPolicy(default=policy), setting, pwdAccountLockedTime="20260301120000Z")
    assert found == {"locked_until": until}


def test_ppolicy_the_policy_that_the_entry_names() -> None:
    policy = AccountPolicy(default=HALF_HOUR, by_dn={"cn=strict,dc=x": PasswordPolicy(lockout_duration=timedelta(days=1))})
    locked = {"pwdAccountLockedTime": "20260301120000Z"}
    assert ppolicy(policy, **locked, pwdPolicySubentry="CN=Strict, DC=x")["locked_until"] == NOON + timedelta(days=1)
    assert ppolicy(policy, **locked, pwdPolicySubentry="cn=hidden,dc=x")["locked_until"] == FOREVER
    assert ppolicy(policy, **locked, pwdPolicySubentry="no name")["locked_until"] == FOREVER
    assert ppolicy(policy, **locked)["locked_until"] == NOON + timedelta(minutes=30)


def test_ppolicy_times_and_the_password() -> None:
    found = ppolicy(
        pwdStartTime="20260301120000Z",
        pwdEndTime="20270301120000Z",
        pwdReset="TRUE",
        pwdChangedTime="20260301120000.5Z",
    )
    assert found == {
        "valid_from": NOON,
        "expires_at": datetime(2027, 3, 1, 12, tzinfo=UTC),
        "password_must_change": True,
        "password_expires_at": NOON + timedelta(days=42, milliseconds=500),
    }
    assert ppolicy(pwdEndTime="99991231235959Z", pwdReset="FALSE") == {"password_must_change": False}
    assert ppolicy(None, pwdChangedTime="20260301120000Z") == {}


def test_ppolicy_malformed() -> None:
    with pytest.raises(BadValue, match="pwdAccountLockedTime 'soon' is not a generalizedTime"):
        ppolicy(pwdAccountLockedTime="soon")
    with pytest.raises(BadValue, match="pwdReset 'maybe' is neither TRUE nor FALSE"):
        ppolicy(pwdReset="maybe")


# ---------------------------------------------------------------- shadow
@pytest.mark.parametrize("scheme", ["ppolicy", "ds389"])
@pytest.mark.parametrize(
    ("day", "end"),
    [
        (-1, None),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (20_513, datetime(2026, 3, 1, tzinfo=UTC)),
        (99_999_999, None),
        (10**18, None),
    ],
)
def test_shadow_expire_is_a_day(scheme: str, day: int, end: datetime | None) -> None:
    assert fields(scheme, shadowExpire=day).get("expires_at") == end


def test_the_earlier_of_two_ends() -> None:
    assert ppolicy(pwdEndTime="20260302000000Z", shadowExpire=20_513)["expires_at"] == datetime(2026, 3, 1, tzinfo=UTC)


# ---------------------------------------------------------------- 389 Directory Server
@pytest.mark.parametrize(
    ("value", "disabled"),
    [("true", True), ("TRUE", True), ("True", True), ("false", False), (["false", "true"], True), ([], False)],
)
def test_ds389_account_lock(value: Any, disabled: bool) -> None:
    assert fields("ds389", nsAccountLock=value) == {"disabled": disabled}


def test_ds389_lockout() -> None:
    assert fields("ds389", accountUnlockTime="20260301120000Z", passwordRetryCount=3)["locked_until"] == NOON
    forever = {"accountUnlockTime": "19700101000000Z"}
    assert fields("ds389", **forever, passwordRetryCount=3)["locked_until"] == FOREVER
    assert "locked_until" not in fields("ds389", passwordRetryCount=2)


@pytest.mark.parametrize("until", ["19700101000000Z", "20260301120000Z"])
@pytest.mark.parametrize(
    ("limit", "count", "locked"), [(None, 3, True), (None, 2, False), (5, 4, False), (5, 5, True), (2, 2, True)]
)
def test_ds389_what_is_left_of_a_lockout_is_none(until: str, limit: int | None, count: int, locked: bool) -> None:
    """An administrator's reset, and a good login, set the count to 0 and leave the time."""
    policy = AccountPolicy(default=PasswordPolicy(max_failures=limit))
    found = fields("ds389", policy, accountUnlockTime=until, passwordRetryCount=count)
    assert ("locked_until" in found) is locked
    assert "locked_until" not in fields("ds389", policy, accountUnlockTime=until, passwordRetryCount=0)
    assert "locked_until" not in fields("ds389", policy, accountUnlockTime=until)


def test_ds389_password() -> None:
    assert fields("ds389", passwordExpirationTime="20260301120000Z")["password_expires_at"] == NOON
    assert fields("ds389", passwordExpirationTime="19700101000000Z") == {"disabled": False, "password_must_change": True}
    # "no end", as the server writes it
    assert fields("ds389", passwordExpirationTime="20380119031407Z") == {"disabled": False, "password_must_change": False}


# ---------------------------------------------------------------- the rule itself
def test_none_asks_for_nothing_and_says_nothing() -> None:
    rule = AccountRule("none")
    assert rule.attributes == ()
    assert set(rule.fields(Entry("uid=x", {"nsaccountlock": [b"true"]})).values()) == {None}


def test_an_unknown_scheme_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in 'novell'"):
        AccountRule("novell")


def test_whatever_decides_is_in_the_digest() -> None:
    other = AccountPolicy(default=HALF_HOUR, by_dn={"cn=a": HALF_HOUR})
    rules = [
        AccountRule("ppolicy"),
        AccountRule("ppolicy", POLICY),
        AccountRule("ppolicy", other),
        AccountRule("ppolicy", lockout_duration=timedelta(hours=1)),
        AccountRule("active_directory"),
        AccountRule("none"),
    ]
    assert len({repr(rule.digest_parts) for rule in rules}) == len(rules)
    assert AccountRule("ppolicy", POLICY).digest_parts == AccountRule("ppolicy", AccountPolicy(default=HALF_HOUR)).digest_parts
