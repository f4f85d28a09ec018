"""What a server's answer to somebody's bind means for a login. Pure functions over what came.

Servers say why in four ways: by the result code, by Active Directory's sub-codes in the text, by the response control of
draft-behera-ldap-password-policy-11, and by two controls of Netscape's descendants. A refusal that says more than "wrong" is
proof of the password only where the server looks at the password first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from syncd.directory.ber import BerError, contents, elements, integer
from syncd.directory.messages import Result
from syncd.directory.results import SUCCESS, bind_error
from syncd.errors import (
    AccountDisabledError,
    AccountExpiredError,
    AccountLockedError,
    BindPasswordExpiredError,
    BindPasswordMustChangeError,
    DirectoryError,
    InvalidCredentialsError,
    LogonHoursError,
    LogonWorkstationError,
)
from syncd.model.login import PASSWORD_EXPIRED, PASSWORD_MUST_CHANGE, Answer, BindResult

PASSWORD_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"  # noqa: S105 - an OID
_EXPIRED, _EXPIRING = "2.16.840.1.113730.3.4.4", "2.16.840.1.113730.3.4.5"

# the error of the response control
_PASSWORD_EXPIRED, _ACCOUNT_LOCKED, _CHANGE_AFTER_RESET = 0, 1, 2

_NO_SUCH_OBJECT, _INVALID_DN, _INAPPROPRIATE, _INVALID_CREDENTIALS, _INSUFFICIENT_ACCESS, _UNWILLING = 32, 34, 48, 49, 50, 53
# that there is nothing to compare a password with, or no such entry, is "wrong" as well; the caller looks where the entry went
_WRONG = (_NO_SUCH_OBJECT, _INVALID_DN, _INAPPROPRIATE)

_REASONS: tuple[tuple[type[DirectoryError], str, bool], ...] = (
    (AccountLockedError, "directory_locked", False),
    (AccountDisabledError, "directory_disabled", False),
    (AccountExpiredError, "directory_expired", False),
    (LogonHoursError, "directory_logon_hours", False),
    (LogonWorkstationError, "directory_workstation", False),
    (BindPasswordExpiredError, PASSWORD_EXPIRED, True),
    (BindPasswordMustChangeError, PASSWORD_MUST_CHANGE, True),
)


@dataclass(frozen=True, slots=True)
class _Said:
    """What stands in the controls of an answer."""

    error: int | None = None
    expires_in: int | None = None
    grace_logins: int | None = None
    # Netscape's "password expired"
    expired: bool = False


def judge(result: Result, *, url: str, secret: str) -> BindResult:
    """The answer to a simple bind. `secret` is struck out should the server repeat it. Raises BerError for broken controls."""
    said = _read(result.controls)
    if result.code == SUCCESS:
        return _success(said)
    detail = bind_error(result.code, result.text, url=url, secret=secret)
    found = _refusal(result.code, detail, said)
    return replace(found, detail=detail.message)


def may_have_moved(result: Result, judged: BindResult) -> bool:
    """Whether that there is no entry with this DN any more would be answered like this. Most servers do not tell that from a
    wrong password."""
    return judged.answer is Answer.WRONG and result.code != _INAPPROPRIATE


def _success(said: _Said) -> BindResult:
    if said.error == _CHANGE_AFTER_RESET or (said.expired and said.grace_logins is None):
        return BindResult(answer=Answer.REFUSED, reason=PASSWORD_MUST_CHANGE, password_right=True)
    return BindResult(answer=Answer.ACCEPTED, expires_in=said.expires_in, grace_logins=said.grace_logins)


def _refusal(code: int, error: DirectoryError, said: _Said) -> BindResult:
    # 389-ds calls a disabled account locked as well, in its control alone
    if said.error == _ACCOUNT_LOCKED and not isinstance(error, AccountDisabledError):
        return BindResult(answer=Answer.REFUSED, reason="directory_locked")
    if said.error == _PASSWORD_EXPIRED or (said.expired and code == _INVALID_CREDENTIALS):
        return BindResult(answer=Answer.REFUSED, reason=PASSWORD_EXPIRED, password_right=True)
    for kind, reason, right in _REASONS:
        if isinstance(error, kind):
            return BindResult(answer=Answer.REFUSED, reason=reason, password_right=right)
    if isinstance(error, InvalidCredentialsError) or code in _WRONG:
        return BindResult(answer=Answer.WRONG)
    if code in (_INSUFFICIENT_ACCESS, _UNWILLING):
        return BindResult(answer=Answer.REFUSED, reason="directory_refused")
    return BindResult(answer=Answer.UNAVAILABLE)


def _read(controls: Mapping[str, bytes | None]) -> _Said:
    said = _Said()
    policy = controls.get(PASSWORD_POLICY)
    if policy:
        said = _read_policy(policy)
    if PASSWORD_POLICY not in controls:
        seconds = (controls.get(_EXPIRING) or b"").strip()
        said = replace(said, expires_in=int(seconds) if seconds.isdigit() else None)
    return replace(said, expired=_EXPIRED in controls)


def _read_policy(value: bytes) -> _Said:
    """PasswordPolicyResponseValue: SEQUENCE { warning [0] CHOICE { seconds [0], grace [1] } OPTIONAL, error [1] OPTIONAL }."""
    said = _Said()
    try:
        start, end = contents(value, 1)
        if end != len(value):
            raise BerError("a password policy control of the wrong length")
        for tag, begin, stop in elements(value, start, end):
            if tag == 0xA0:
                for choice, first, last in elements(value, begin, stop):
                    number = integer(value, first, last)
                    said = replace(said, expires_in=number) if choice == 0x80 else replace(said, grace_logins=number)
            elif tag == 0x81:
                said = replace(said, error=integer(value, begin, stop))
    except IndexError:
        raise BerError("a password policy control that ends too early") from None
    return said
