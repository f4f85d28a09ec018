"""The ways in which vendors keep account state: one class each, from an entry's attributes to account fields.

Constructed attributes are avoided: they cost the server a computation for each entry, and no feed shows when they change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from syncd.mapping.account_policy import ENDLESS, AccountPolicy, PasswordPolicy
from syncd.mapping.convert import boolean, integer
from syncd.mapping.problems import BadValue, shown
from syncd.mapping.sources import AttributeSource
from syncd.mapping.times import generalized_time
from syncd.model.dn import InvalidDN, normalize
from syncd.model.entry import Entry
from syncd.model.records import FOREVER, FieldValue

NO_ACCOUNT_STATE = "none"

T = TypeVar("T")

_EPOCH_1601 = datetime(1601, 1, 1, tzinfo=UTC)
_EPOCH_1970 = datetime(1970, 1, 1, tzinfo=UTC)

# userAccountControl ([MS-ADTS] section 2.2.16). 0x10, "locked out", is not kept there and means nothing
_UAC_DISABLED = 0x2
# passwords of accounts with any of these never expire and need not be changed ([MS-SAMR] section 3.1.5.14.4):
# DONT_EXPIRE_PASSWORD, SMARTCARD_REQUIRED, and the trust accounts
_UAC_LASTING_PASSWORD = 0x10000 | 0x40000 | 0x800 | 0x1000 | 0x2000
# "locked permanently" (draft-behera-ldap-password-policy section 5.3.3), with and without seconds
_LOCKED_BY_ADMINISTRATOR = frozenset(("000001010000Z", "00000101000000Z"))
# passwordMaxFailure of a 389 Directory Server that nobody has configured
_DS389_MAX_FAILURES = 3
# its "no time" and "no end"
_DS389_NO_TIME = _EPOCH_1970
_DS389_NO_END = datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)


class Scheme(Protocol):
    """One way of keeping account state."""

    # the attributes it reads, by their names as the server writes them
    sources: Mapping[str, AttributeSource]

    def fields(self, entry: Entry) -> dict[str, FieldValue]: ...


class NoState:
    """No account state at all; and what the schemes have in common."""

    names: tuple[str, ...] = ()

    def __init__(self, policy: AccountPolicy, lockout_duration: timedelta | None) -> None:
        self.policy = policy
        self.lockout_duration = lockout_duration
        self.sources: Mapping[str, AttributeSource] = {name: AttributeSource(name) for name in self.names}

    def fields(self, entry: Entry) -> dict[str, FieldValue]:
        return {}

    def text(self, entry: Entry, name: str) -> str | None:
        return self.sources[name].one(entry)

    def number(self, entry: Entry, name: str) -> int | None:
        text = self.text(entry, name)
        return None if text is None else _converted(name, text, integer)

    def flag(self, entry: Entry, name: str) -> bool | None:
        """True when any value is: roles and classes of service may each add theirs."""
        texts = self.sources[name].all(entry)
        return max((_converted(name, text, boolean) for text in texts), default=None)

    def moment(self, entry: Entry, name: str) -> datetime | None:
        text = self.text(entry, name)
        return None if text is None else _converted(name, text, generalized_time)

    def policy_of(self, entry: Entry, name: str) -> PasswordPolicy:
        """The one whose DN stands in that attribute, or the default; an unknown one says nothing."""
        text = self.text(entry, name) if name in self.sources else None
        if text is None:
            return self.policy.default
        try:
            return self.policy.by_dn.get(normalize(text), PasswordPolicy())
        except InvalidDN:
            return PasswordPolicy()

    def lock_end(self, since: datetime, policy: PasswordPolicy) -> datetime:
        duration = policy.lockout_duration if policy.lockout_duration is not None else self.lockout_duration
        return FOREVER if duration is None else _later(since, duration) or FOREVER


class _ActiveDirectory(NoState):
    """userAccountControl and the times beside it."""

    names = ("userAccountControl", "lockoutTime", "accountExpires", "pwdLastSet")

    def __init__(self, policy: AccountPolicy, lockout_duration: timedelta | None) -> None:
        super().__init__(policy, lockout_duration)
        # constructed, so it is asked for only where password settings objects are there, and readable
        if policy.by_dn:
            self.sources = {**self.sources, "msDS-ResultantPSO": AttributeSource("msDS-ResultantPSO")}

    def fields(self, entry: Entry) -> dict[str, FieldValue]:
        control = self.number(entry, "userAccountControl")
        policy = self.policy_of(entry, "msDS-ResultantPSO")
        # 0 after an administrator's unlocking, or the next good logon
        locked = self.filetime(entry, "lockoutTime")
        found: dict[str, FieldValue] = {
            "account.disabled": None if control is None else bool(control & _UAC_DISABLED),
            "account.locked_until": self.lock_end(locked, policy) if locked else None,
            "account.expires_at": self.filetime(entry, "accountExpires"),
        }
        if control is not None and control & _UAC_LASTING_PASSWORD:
            return found | {"account.password_must_change": False}
        ticks = self.number(entry, "pwdLastSet")
        changed = _filetime("pwdLastSet", ticks)
        return found | {
            "account.password_must_change": None if ticks is None else ticks == 0,
            "account.password_expires_at": _later(changed, policy.max_age) if changed else None,
        }

    def filetime(self, entry: Entry, name: str) -> datetime | None:
        return _filetime(name, self.number(entry, name))


class _PasswordPolicyDraft(NoState):
    """draft-behera-ldap-password-policy, as OpenLDAP's ppolicy overlay keeps it (slapo-ppolicy(5))."""

    names = (
        "pwdAccountLockedTime", "pwdStartTime", "pwdEndTime", "pwdReset", "pwdChangedTime", "pwdPolicySubentry", "shadowExpire",
    )  # fmt: skip

    def fields(self, entry: Entry) -> dict[str, FieldValue]:
        policy = self.policy_of(entry, "pwdPolicySubentry")
        changed = self.moment(entry, "pwdChangedTime")
        return {
            "account.locked_until": self.locked_until(entry, policy),
            "account.valid_from": self.moment(entry, "pwdStartTime"),
            "account.expires_at": _earliest(_ending(self.moment(entry, "pwdEndTime")), _shadow_end(self, entry)),
            "account.password_must_change": self.flag(entry, "pwdReset"),
            "account.password_expires_at": _later(changed, policy.max_age) if changed else None,
        }

    def locked_until(self, entry: Entry, policy: PasswordPolicy) -> datetime | None:
        text = self.text(entry, "pwdAccountLockedTime")
        if text is None:
            return None
        if text.upper() in _LOCKED_BY_ADMINISTRATOR:
            return FOREVER
        return self.lock_end(_converted("pwdAccountLockedTime", text, generalized_time), policy)


class _Ds389(NoState):
    """389 Directory Server: an administrator's switch, which may come from a role, and the times of its password policy."""

    names = ("nsAccountLock", "accountUnlockTime", "passwordRetryCount", "passwordExpirationTime", "shadowExpire")

    def fields(self, entry: Entry) -> dict[str, FieldValue]:
        expires = self.moment(entry, "passwordExpirationTime")
        return {
            # without the attribute nobody has switched anything off
            "account.disabled": bool(self.flag(entry, "nsAccountLock")),
            "account.locked_until": self.locked_until(entry),
            "account.expires_at": _shadow_end(self, entry),
            "account.password_must_change": None if expires is None else expires == _DS389_NO_TIME,
            "account.password_expires_at": None if expires in (_DS389_NO_TIME, _DS389_NO_END) else _ending(expires),
        }

    def locked_until(self, entry: Entry) -> datetime | None:
        """accountUnlockTime stays when an administrator unlocks, and after the next good login: both only set the count back,
        and a lock is on as long as that has reached its limit. The smallest time means "until an administrator unlocks".
        """
        until = self.moment(entry, "accountUnlockTime")
        limit = self.policy.default.max_failures or _DS389_MAX_FAILURES
        if until is None or (self.number(entry, "passwordRetryCount") or 0) < limit:
            return None
        return FOREVER if until == _DS389_NO_TIME else until


SCHEMES: Mapping[str, Callable[[AccountPolicy, timedelta | None], Scheme]] = {
    "active_directory": _ActiveDirectory,
    "ppolicy": _PasswordPolicyDraft,
    "ds389": _Ds389,
    NO_ACCOUNT_STATE: NoState,
}


# ---------------------------------------------------------------- values
def _converted(name: str, text: str, convert: Callable[[str], T]) -> T:
    try:
        return convert(text)
    except ValueError as error:
        raise BadValue(name, f"{shown(text)} {error}") from None


def _filetime(name: str, ticks: int | None) -> datetime | None:
    """100 ns since 1601; None for 0 and for whatever lies beyond the years a calendar has, which all mean "never"."""
    if not ticks:
        return None
    if ticks < 0:
        raise BadValue(name, f"{shown(str(ticks))} is a negative FILETIME")
    return _later(_EPOCH_1601, timedelta(microseconds=ticks // 10))


def _later(moment: datetime, length: timedelta | None) -> datetime | None:
    """The end of that length of time; None where it has none, or nobody knows."""
    if length is None or length == ENDLESS:
        return None
    try:
        return _ending(moment + length)
    except OverflowError:
        return None


def _ending(moment: datetime | None) -> datetime | None:
    """An end, unless it lies where only "never" does."""
    return None if moment is None or moment >= FOREVER else moment


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _shadow_end(scheme: NoState, entry: Entry) -> datetime | None:
    """shadowExpire: the day, counted from 1970, with which the account is over (shadow(5)); -1 is never."""
    day = scheme.number(entry, "shadowExpire")
    if day is None or day < 0:
        return None
    # whoever wrote a number beyond the calendar meant "never"
    return _later(_EPOCH_1970, timedelta(days=day)) if day < timedelta.max.days else None
