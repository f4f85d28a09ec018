"""A directory that cannot be reached, trusted or bound to."""

from __future__ import annotations

from typing import ClassVar

from syncd.errors.base import SyncdError


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


class PlainLoginError(TlsError):
    """Passwords are not sent over a connection without TLS."""

    code = "tls_required"
    advice = "Use an ldaps:// URL or `tls.starttls = true`; `tls.plain_logins` is for a lab."


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
