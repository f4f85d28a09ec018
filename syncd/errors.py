"""One tree of errors, so that the log, the run record, health, the API and the CLI say the same thing.

Each class is one cause an operator can act on. It carries a stable `code` (documented, never renamed), the HTTP status
and the exit code (sysexits(3)) that belong to it, whether trying again can help, and advice. An instance adds one
sentence of what happened and where. Adapters translate their library's exceptions into these at their boundary, with the
cause chained; nothing above an adapter catches a library's own.
"""

from __future__ import annotations

from typing import ClassVar


class SyncdError(Exception):
    """Something syncd could not do."""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    advice: ClassVar[str] = ""

    def __init__(self, message: str = "", *, advice: str = "", **context: str | int | float | None) -> None:
        """`message`: one sentence, no secret in it. `context`: what to log beside it (server, phase, base, …)."""
        self.message = message or (type(self).__doc__ or self.code).strip().splitlines()[0]
        self.hint = advice or self.advice
        self.context = {name: value for name, value in context.items() if value is not None}
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


# ---------------------------------------------------------------- configuration and use
class ConfigurationError(SyncdError):
    """The configuration is not usable."""

    code = "configuration_invalid"
    exit_code = 78

    def __init__(self, message: str = "", *, problems: tuple[str, ...] = ()) -> None:
        """`problems`: every mistake found, one sentence each, so that all are mended in one go."""
        self.problems = problems or ((message,) if message else ())
        super().__init__(message or "; ".join(problems))


class UsageError(SyncdError):
    """The command or request does not make sense."""

    code, http_status, exit_code = "usage", 400, 2


class NotFoundError(SyncdError):
    """There is no such thing."""

    code, http_status = "not_found", 404


class UnauthorizedError(SyncdError):
    """A valid token is needed."""

    code, http_status, exit_code = "unauthorized", 401, 77


class ForbiddenError(SyncdError):
    """This is not allowed."""

    code, http_status, exit_code = "forbidden", 403, 77


class ListenError(SyncdError):
    """The management endpoint could not be opened."""

    code, http_status, exit_code = "listen_failed", 503, 75
    advice = "Set `http.listen` to an address of this machine and a free port, or end the process that has the port."


class HeldError(SyncdError):
    """The guard held the plan back."""

    code, exit_code, http_status = "held", 4, 409


class PlanClosedError(SyncdError):
    """The plan can no longer be decided."""

    code, http_status = "plan_closed", 409
    advice = "`syncd plan list` shows the plan that is held now, if there is one."


# ---------------------------------------------------------------- directory: not reachable
class DirectoryError(SyncdError):
    """The directory could not be read."""

    code, http_status, exit_code = "directory_error", 502, 69
    advice = "`syncd check --connect` tries each server and says at which step it fails."


class TransientDirectoryError(DirectoryError):
    """The directory could not be read just now."""

    code, exit_code, retryable = "directory_transient", 69, True
    advice = "The next run tries again; if it goes on, look at the network and at this machine's open files."


class NameResolutionError(TransientDirectoryError):
    """The server's name could not be resolved."""

    code = "name_resolution_failed"
    advice = "Check the host name in `urls` and this machine's DNS."


class ConnectionRefusedByServerError(TransientDirectoryError):
    """The server refused the connection."""

    code = "connection_refused"
    advice = "Check that the server runs and listens on this port, and that no firewall refuses it."


class ConnectTimeoutError(TransientDirectoryError):
    """The server did not answer the connection in time."""

    code = "connect_timeout"
    advice = "Check the route and the firewall, or raise `connect_timeout`."


class ReceiveTimeoutError(TransientDirectoryError):
    """The server stopped answering."""

    code = "receive_timeout"
    advice = "Look at the server's load and log, or raise `receive_timeout`."


class ConnectionLostError(TransientDirectoryError):
    """The server closed the connection."""

    code = "connection_lost"
    advice = "Look at the server's log for the reason; the next run starts the read again from its first page."


class ServerBusyError(TransientDirectoryError):
    """The server is busy (result 51)."""

    code = "server_busy"
    advice = "The next run tries again; if it goes on, look at the server's load, or sync at a quieter time."


class ServerUnavailableError(TransientDirectoryError):
    """The server is unavailable (result 52)."""

    code = "server_unavailable"
    advice = "The server is starting, stopping or under maintenance: wait for it, or add another server to `urls`."


# ---------------------------------------------------------------- directory: TLS
class TlsError(DirectoryError):
    """The TLS handshake failed."""

    code = "tls_failed"
    advice = "Try `openssl s_client -connect HOST:PORT` and compare what it prints."


class TlsUnknownIssuerError(TlsError):
    """The server's certificate comes from an unknown issuer."""

    code = "tls_unknown_issuer"
    advice = "Set `tls.ca_file` to the certificate of the authority that issued it."


class TlsWrongHostError(TlsError):
    """The server's certificate is for another host name."""

    code = "tls_wrong_host"
    advice = "Use in `urls` a name that the certificate carries, or have it reissued."


class TlsExpiredError(TlsError):
    """The server's certificate has expired."""

    code = "tls_certificate_expired"
    advice = "Have the certificate renewed."


class TlsNotYetValidError(TlsError):
    """The server's certificate is not valid yet."""

    code = "tls_certificate_not_yet_valid"
    advice = "Compare the clocks of this machine and of the one that issued the certificate."


class StartTlsRefusedError(TlsError):
    """The server refused StartTLS."""

    code = "starttls_refused"
    advice = "Enable TLS on the server, or use an ldaps:// URL. syncd never falls back to plain text."


# ---------------------------------------------------------------- directory: bind
class BindError(DirectoryError):
    """The bind failed."""

    code, exit_code = "bind_failed", 77
    advice = "The server's text says why; look into its log."
    # whether a try more can bring a lockout policy nearer: then no other server is asked, and the next run waits
    counts_towards_lockout: ClassVar[bool] = True


class InvalidCredentialsError(BindError):
    """The server does not accept these credentials (result 49)."""

    code = "invalid_credentials"
    advice = "Check `bind_dn` and the bind password. It is tried once per run, so that no lockout policy fires."


class AccountLockedError(InvalidCredentialsError):
    """The bind account is locked out."""

    code = "account_locked"
    advice = "Find out who else uses the account with a wrong password, then unlock it and ask for a run."


class AccountDisabledError(InvalidCredentialsError):
    """The bind account is disabled."""

    code = "account_disabled"
    advice = "Have the account named by `bind_dn` enabled, or name another."


class AccountExpiredError(InvalidCredentialsError):
    """The bind account has expired."""

    code = "account_expired"
    advice = "Have the expiry date of the account named by `bind_dn` moved; a service account should have none."


class BindPasswordExpiredError(InvalidCredentialsError):
    """The bind account's password has expired."""

    code = "bind_password_expired"
    advice = "Set a new password for the account named by `bind_dn`, and the same as `bind_password`."


class BindPasswordMustChangeError(InvalidCredentialsError):
    """The bind account's password must be changed before its first use."""

    code = "bind_password_must_change"
    advice = 'Change the password of the account named by `bind_dn`, or clear "must change password at next logon".'


class LogonHoursError(InvalidCredentialsError):
    """The bind account may not log on at this time."""

    code = "logon_hours"
    advice = "Have the account's logon hours widened, or sync within them (`schedule`)."


class LogonWorkstationError(InvalidCredentialsError):
    """The bind account may not log on from this machine."""

    code = "logon_workstation"
    advice = "Have this machine added to those that the account named by `bind_dn` may log on from."


class StrongerAuthRequiredError(BindError):
    """The server requires stronger authentication (result 8)."""

    code = "stronger_auth_required"
    advice = "Use an ldaps:// URL or `tls.starttls = true`."
    counts_towards_lockout = False


class ChannelBindingRequiredError(StrongerAuthRequiredError):
    """The server requires channel binding tokens."""

    code = "channel_binding_required"
    advice = (
        'syncd has none to give: use `bind = "simple"` over ldaps://, which the policy leaves alone, or a domain controller '
        "with LdapEnforceChannelBinding at 1 (when supported)."
    )


# ---------------------------------------------------------------- directory: the read itself
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


# ---------------------------------------------------------------- store
class StoreError(SyncdError):
    """The database could not do it."""

    code, http_status, exit_code = "store_error", 503, 75
    advice = "Look into the database's log, and run `syncd db check`."


class DatabaseUnavailableError(StoreError):
    """The database is not reachable."""

    code, retryable = "database_unavailable", True
    advice = "Check that the database runs and `store.url` is right."


class DatabaseFullError(StoreError):
    """The database's disk is full."""

    code = "database_full"
    advice = "Make room on the database's disk; the next run heals what is missing."


class SchemaOutdatedError(StoreError):
    """The database schema is not the one this version needs."""

    code, exit_code = "schema_outdated", 78
    advice = "Stop syncd, run `syncd db backup FILE`, then `syncd db upgrade`."


class LeaseHeldError(StoreError):
    """Another process is syncing this directory."""

    code, http_status, retryable = "lease_held", 409, True
    advice = "Wait for its run to end: `syncd runs list` shows it."


class RunStateError(StoreError):
    """The run is not in the state that this step starts from."""

    code, http_status = "run_state", 409
    advice = "Another process has taken the directory over: look at `syncd runs list`."


class LeaseLostError(StoreError):
    """Another process has taken the directory over."""

    code, http_status = "lease_lost", 409
    advice = "Nothing to do: the process that took over completes the work; `syncd runs list` shows it."


class StoppedError(SyncdError):
    """The run was asked to stop."""

    code, exit_code, retryable = "stopped", 75, True
    advice = "The next run completes it."


def class_of(code: str | None) -> type[SyncdError]:
    """The class a stable code belongs to; SyncdError for one that no class has (a verdict's own, or an old record's)."""
    pending = [SyncdError]
    while pending:
        found = pending.pop()
        if found.code == code:
            return found
        pending += found.__subclasses__()
    return SyncdError
