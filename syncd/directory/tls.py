"""TLS to a directory server, verified unless the site says otherwise in so many words.

ldap3's own Tls verifies nothing by default, and on Python 3.12 and later refuses certificates that are valid by IP address. The
standard library does it right, so the socket is wrapped here.
"""

from __future__ import annotations

import socket
import ssl

from syncd.directory.failures import ssl_reason
from syncd.errors import TlsError
from syncd.settings.directory import TlsSettings


def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """The context for connections to one directory: chain, name and expiry are checked. Raises TlsError for unusable files."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ValueError) as error:
        raise TlsError(
            f"tls.ca_file {settings.ca_file} cannot be used: {_reason(error)}.", advice="Name a PEM file."
        ) from error
    # Python 3.13 began to refuse what RFC 5280 forbids but internal authorities do; a new Python must not end a sync
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if settings.verify == "none-insecure":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_file is not None:
        try:
            # an empty password, since OpenSSL would ask for one on the terminal
            context.load_cert_chain(settings.cert_file, settings.key_file, password="")
        except (OSError, ValueError) as error:
            raise TlsError(
                f"tls.cert_file {settings.cert_file} with its key cannot be used: {_reason(error)}.",
                advice="Name PEM files; the key must not be encrypted.",
            ) from error
    return context


def wrap(plain: socket.socket, context: ssl.SSLContext, *, host: str) -> ssl.SSLSocket:
    """Shake hands and verify. Raises OSError (ssl.SSLError among them); `plain` is of no use afterwards."""
    return context.wrap_socket(plain, server_hostname=host)


def describe(connected: socket.socket) -> str:
    """Version and cipher, "" for a plain connection."""
    if not isinstance(connected, ssl.SSLSocket):
        return ""
    cipher = connected.cipher()
    return " ".join(part for part in (connected.version(), cipher[0] if cipher else None) if part)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return ssl_reason(error)
    return getattr(error, "strerror", None) or str(error)
