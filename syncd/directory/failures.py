"""What went wrong below LDAP: exceptions of sockets, TLS and ldap3 become errors an operator can act on.

This is the boundary of the adapter: nothing above it catches an exception of ssl, socket or ldap3. Each error names the
server and the phase in which it happened, and has the exception as its cause.
"""

from __future__ import annotations

import errno
import socket
import ssl

from ldap3.core.exceptions import LDAPSessionTerminatedByServerError

from syncd.directory.ber import BerError
from syncd.errors import (
    ConnectionLostError,
    ConnectionRefusedByServerError,
    ConnectTimeoutError,
    DirectoryError,
    MalformedResponseError,
    NameResolutionError,
    ReceiveTimeoutError,
    TlsError,
    TlsExpiredError,
    TlsNotYetValidError,
    TlsUnknownIssuerError,
    TlsWrongHostError,
    TransientDirectoryError,
)

NAME_RESOLUTION, CONNECT, TLS, STARTTLS, BIND, READ = "name resolution", "connect", "tls", "starttls", "bind", "read"

# X509_V_ERR_… of OpenSSL's x509_vfy.h
_CERTIFICATE_FAULTS: dict[int, type[TlsError]] = {
    2: TlsUnknownIssuerError,  # UNABLE_TO_GET_ISSUER_CERT
    9: TlsNotYetValidError,  # CERT_NOT_YET_VALID
    10: TlsExpiredError,  # CERT_HAS_EXPIRED
    18: TlsUnknownIssuerError,  # DEPTH_ZERO_SELF_SIGNED_CERT
    19: TlsUnknownIssuerError,  # SELF_SIGNED_CERT_IN_CHAIN
    20: TlsUnknownIssuerError,  # UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: TlsUnknownIssuerError,  # UNABLE_TO_VERIFY_LEAF_SIGNATURE
    62: TlsWrongHostError,  # HOSTNAME_MISMATCH
    64: TlsWrongHostError,  # IP_ADDRESS_MISMATCH
}
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}


def failure(error: BaseException, *, url: str, phase: str, seconds: float | None = None) -> DirectoryError:
    """The error for an exception met in a phase, to be raised `from` it. `seconds`: the timeout that was set."""
    if isinstance(error, DirectoryError):
        return error
    root = _root(error)
    kind, what = _classify(root, phase=phase, seconds=seconds)
    return kind(f"{url}: {phase}: {what}.", server=url, phase=phase)


def _root(error: BaseException) -> BaseException:
    """The exception of socket or ssl that ldap3 wrapped into one of its own, or the exception itself."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and type(seen).__module__ != "ldap3.core.exceptions":
            return seen
        seen = seen.__cause__ or seen.__context__
    return error


def _classify(error: BaseException, *, phase: str, seconds: float | None) -> tuple[type[DirectoryError], str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        kind = _CERTIFICATE_FAULTS.get(error.verify_code, TlsError)
        return kind, f"the server's certificate is not accepted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return NameResolutionError, f"the name could not be resolved: {error.strerror}"
    if isinstance(error, TimeoutError):
        within = f" within {seconds:g} s" if seconds else ""
        if phase == READ:
            return ReceiveTimeoutError, f"nothing came from the server{within}"
        return ConnectTimeoutError, f"no answer{within}"
    if isinstance(error, ssl.SSLError):
        return _classify_ssl(error, phase=phase)
    if isinstance(error, OSError):
        return _classify_os(error, phase=phase)
    if isinstance(error, LDAPSessionTerminatedByServerError):
        return ConnectionLostError, "the server closed the connection"
    if isinstance(error, BerError):
        return MalformedResponseError, f"what the server sent is not LDAP: {error}"
    return MalformedResponseError, f"the server's answer could not be understood ({type(error).__name__})"


def _classify_ssl(error: ssl.SSLError, *, phase: str) -> tuple[type[DirectoryError], str]:
    reason = ssl_reason(error)
    if phase == READ:
        return ConnectionLostError, f"the TLS connection broke: {reason}"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return TlsError, "the server ended the connection during the TLS handshake"
    return TlsError, f"the TLS handshake failed: {reason}"


def ssl_reason(error: ssl.SSLError) -> str:
    """OpenSSL's words for it, such as "unexpected eof while reading". Errors that Python itself raises have no `reason`."""
    return str(getattr(error, "reason", None) or error).replace("_", " ").lower()


def _classify_os(error: OSError, *, phase: str) -> tuple[type[DirectoryError], str]:
    text = error.strerror or str(error) or type(error).__name__
    if isinstance(error, ConnectionRefusedError):
        return ConnectionRefusedByServerError, "the server refused the connection"
    if phase == CONNECT and error.errno in _UNREACHABLE:
        return ConnectTimeoutError, f"the server cannot be reached: {text}"
    if phase == CONNECT:
        return TransientDirectoryError, f"the connection could not be made: {text}"
    if phase == TLS:
        return TlsError, f"the connection ended during the TLS handshake: {text}"
    return ConnectionLostError, f"the connection was lost: {text}"
