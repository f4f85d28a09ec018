"""What an LDAP result code means to an operator: which error, in which words.

A code other than success never means "absent" (PITFALLS of every sync: busy, referral and limits all came to delete somebody
somewhere). Pure functions over what the server said.
"""

from __future__ import annotations

import re

from ldap3.core.results import RESULT_CODES

from syncd.errors import (
    AccountDisabledError,
    AccountExpiredError,
    AccountLockedError,
    AdminLimitError,
    BindError,
    BindPasswordExpiredError,
    BindPasswordMustChangeError,
    ChannelBindingRequiredError,
    DirectoryError,
    InsufficientAccessError,
    InvalidCredentialsError,
    InvalidFilterError,
    LdapResultError,
    LogonHoursError,
    LogonWorkstationError,
    NoSuchBaseError,
    PagingUnsupportedError,
    ReferralError,
    ServerBusyError,
    ServerUnavailableError,
    SizeLimitError,
    StrongerAuthRequiredError,
    TimeLimitError,
    UnwillingToPerformError,
)

SUCCESS = 0
_OPERATIONS_ERROR, _PROTOCOL_ERROR, _UNAVAILABLE_CRITICAL_EXTENSION, _INVALID_CREDENTIALS = 1, 2, 12, 49

# RFC 4511 appendix A
_SEARCH: dict[int, type[DirectoryError]] = {
    3: TimeLimitError,
    4: SizeLimitError,
    8: StrongerAuthRequiredError,
    10: ReferralError,
    11: AdminLimitError,
    # the only critical control is the one for paging
    _UNAVAILABLE_CRITICAL_EXTENSION: PagingUnsupportedError,
    13: StrongerAuthRequiredError,
    32: NoSuchBaseError,
    # invalidDNSyntax: the only DN in a search is its base
    34: NoSuchBaseError,
    48: InsufficientAccessError,
    49: InvalidCredentialsError,
    50: InsufficientAccessError,
    51: ServerBusyError,
    52: ServerUnavailableError,
    53: UnwillingToPerformError,
}
_BIND: dict[int, type[DirectoryError]] = {
    8: StrongerAuthRequiredError,
    13: StrongerAuthRequiredError,
    49: InvalidCredentialsError,
    51: ServerBusyError,
    52: ServerUnavailableError,
}

# Win32 error codes in the diagnosticMessage of Active Directory and Samba: "AcceptSecurityContext error, data 52e, v4563"
_SUB_CODE = re.compile(r"\bdata ([0-9a-f]{3,8})\b", re.IGNORECASE)
_SUB_CODES: dict[str, tuple[type[DirectoryError], str]] = {
    "525": (InvalidCredentialsError, "there is no such account"),
    "52e": (InvalidCredentialsError, "the password is wrong, or there is no such account"),
    "530": (LogonHoursError, "the account may not log on at this time"),
    "531": (LogonWorkstationError, "the account may not log on from this machine"),
    "532": (BindPasswordExpiredError, "the account's password has expired"),
    "533": (AccountDisabledError, "the account is disabled"),
    "568": (InvalidCredentialsError, "the account is in too many groups"),
    "701": (AccountExpiredError, "the account has expired"),
    "773": (BindPasswordMustChangeError, "the account's password must be changed first"),
    "775": (AccountLockedError, "the account is locked out"),
}
# 389-ds says with other result codes what Active Directory says with sub-codes; OpenLDAP says 49 and nothing to all of it
_TEXTS: tuple[tuple[int, str, type[DirectoryError], str], ...] = (
    (19, "password retry limit", AccountLockedError, "the account is locked out"),
    (49, "password expired", BindPasswordExpiredError, "the account's password has expired"),
    (53, "account inactivated", AccountDisabledError, "the account is disabled"),
)
_CHANNEL_BINDING = "80090346"
# how Active Directory and Samba say, with operationsError, that anonymous clients may not search
_NOT_BOUND = ("000004dc", "without authentication")
_LONGEST_TEXT = 500


def search_error(code: int, text: str, *, url: str, purpose: str) -> DirectoryError:
    """Why a search ended with a result other than success."""
    kind = _SEARCH.get(code, LdapResultError)
    # 389-ds says 12 of a matching rule that it does not know
    if code in (_PROTOCOL_ERROR, _UNAVAILABLE_CRITICAL_EXTENSION) and "filter" in text.lower():
        kind = InvalidFilterError
    elif code == _OPERATIONS_ERROR and any(words in text.lower() for words in _NOT_BOUND):
        kind = InsufficientAccessError
    return _error(kind, code, text, url=url, phase="read", what=f"the search for {purpose} ended with", meaning="")


def bind_error(code: int, text: str, *, url: str, secret: str = "") -> DirectoryError:
    """Why a bind was refused. `secret` is struck out should the server repeat it."""
    if secret:
        text = text.replace(secret, "***")
    kind, meaning = _bind_refusal(code, text)
    return _error(kind, code, text, url=url, phase="bind", what="the server refused the bind with", meaning=meaning)


def _bind_refusal(code: int, text: str) -> tuple[type[DirectoryError], str]:
    """The class for a refused bind, and what the server's text means; "" when it says it itself."""
    kind = _BIND.get(code, BindError)
    if _CHANNEL_BINDING in text:
        return ChannelBindingRequiredError, "the server wants channel binding tokens"
    if code == _INVALID_CREDENTIALS and (found := _SUB_CODE.search(text)):
        return _SUB_CODES.get(found.group(1).lower(), (kind, ""))
    said = text.lower()
    return next(((known, meaning) for number, part, known, meaning in _TEXTS if number == code and part in said), (kind, ""))


def refuses_credentials(error: DirectoryError) -> bool:
    """Whether to ask no other server: the next attempt could be the one that locks the account."""
    return isinstance(error, BindError) and error.counts_towards_lockout


def name_of(code: int) -> str:
    """The name of a result code as RFC 4511 has it, "result 123" for an unknown one."""
    return str(RESULT_CODES.get(code, f"result {code}"))


def printable(text: str) -> str:
    """A server's text fit for one line of a log."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _LONGEST_TEXT else line[:_LONGEST_TEXT] + "…"


def _error(
    kind: type[DirectoryError], code: int, text: str, *, url: str, phase: str, what: str, meaning: str
) -> DirectoryError:
    text = printable(text)
    said = f": {text!r}" if text else ""
    explained = f": {meaning}" if meaning else ""
    message = f"{url}: {phase}: {what} {name_of(code)} ({code}){explained}{said}."
    return kind(message, server=url, phase=phase, result_code=code, server_text=text)
