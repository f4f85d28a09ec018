"""A directory that was reached, and could not be read whole."""

from __future__ import annotations

from syncd.errors.connecting import DirectoryError


class NoSuchBaseError(DirectoryError):
    """The search base does not exist or may not be read (result 32)."""

    code = "no_such_base"
    advice = "Check `base_dn` and what the bind account may read."


class InvalidFilterError(DirectoryError):
    """The search filter is not valid."""

    code, exit_code = "invalid_filter", 78
    advice = "See RFC 4515 for the syntax of filters."


class SizeLimitError(DirectoryError):
    """The server's size limit cut the read short (result 4)."""

    code = "size_limit_exceeded"
    advice = (
        "Raise the limit for the bind account (OpenLDAP: olcLimits size.prtotal=unlimited; 389-ds: nsSizeLimit and "
        "nsPagedSizeLimit; Active Directory: `page_size` at most MaxPageSize)."
    )


class TimeLimitError(DirectoryError):
    """The server's time limit cut the read short (result 3)."""

    code = "time_limit_exceeded"
    advice = "Raise the time limit for the bind account (OpenLDAP: olcLimits time=unlimited; 389-ds: nsTimeLimit)."


class AdminLimitError(DirectoryError):
    """An administrative limit cut the read short (result 11)."""

    code = "admin_limit_exceeded"
    advice = (
        "Raise the limit for the bind account (389-ds: nsLookThroughLimit and nsPagedLookThroughLimit, or "
        "nsslapd-pagedlookthroughlimit for all), or lower `page_size` (OpenLDAP: at most size.pr)."
    )


class PagingUnsupportedError(DirectoryError):
    """The server did not page the search as asked."""

    code = "paging_unsupported"
    advice = "The server or a proxy before it ignores the paged results control (RFC 2696); read from the server itself."


class ReferralError(DirectoryError):
    """The server referred the search elsewhere (result 10)."""

    code = "referral"
    advice = "Referrals are never followed: put the server that holds the base into `urls`."


class InsufficientAccessError(DirectoryError):
    """The bind account may not search there (result 50)."""

    code = "insufficient_access"
    advice = "Let the bind account read the base, or check that `bind_dn` is set at all."


class UnwillingToPerformError(DirectoryError):
    """The server is unwilling to perform the search (result 53)."""

    code = "unwilling_to_perform"
    advice = "The server's text says why; look into its log."


class LdapResultError(DirectoryError):
    """The server ended the search with an error."""

    code = "ldap_error"
    advice = "The result code and the server's text say why; look into its log."


class MalformedResponseError(DirectoryError):
    """The server sent something that is not LDAP."""

    code = "malformed_response"
    advice = "Check that the port speaks LDAP, and ldaps:// against ldap://."


class NoEntryIdError(DirectoryError):
    """The entries carry no id that survives a rename."""

    code, exit_code = "no_entry_id", 78
    advice = (
        "Let the bind account read entryUUID, nsUniqueId or objectGUID, or name an attribute that never changes and is "
        "never reused in `entry_id_attribute` (an employee number, say)."
    )


class BaseUnreadableError(DirectoryError):
    """The search base itself could not be read, so that what lies below it may be hidden too."""

    code = "base_unreadable"
    advice = "Let the bind account read the entry named by `base_dn`, or set `base_dn` to one that it may read."


class CanaryMissingError(DirectoryError):
    """An entry or attribute that must be visible was not seen."""

    code = "canary_missing"
    advice = (
        "Somebody took away what the bind account may read, or the canary was deleted: compare `ldapsearch` as that account "
        "with `safety.canaries`."
    )


class IncompleteReadError(DirectoryError):
    """The read was not complete, so nothing was removed."""

    code = "incomplete_read"
    advice = "Look at the reason in the run's message; the next run reads from the first page again."
    # the code of what ended the read: what a run's record shows
    cause_code: str = "incomplete_read"


class CursorRefusedError(DirectoryError):
    """The server cannot say what changed since the cursor, so everything must be read."""

    code = "cursor_refused"
    advice = (
        "Nothing needs to be done: the run reads everything and begins a new cursor. If it happens again and again, see `feed`."
    )
