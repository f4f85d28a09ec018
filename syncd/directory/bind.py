"""Binding, and StartTLS before it: what ldap3 does for us on a socket we opened.

Its defaults are unsafe for this use, so all that matter are set here. No object that knows the password outlives the bind, and
none is ever logged: ldap3's Connection prints the password in its repr.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Any, Literal

import ldap3
from pydantic import SecretStr

from syncd.directory.ber import BerError
from syncd.directory.deadline import HurriedSocket
from syncd.directory.failures import BIND, STARTTLS, TLS, failure
from syncd.directory.results import SUCCESS, bind_error, name_of, printable
from syncd.directory.tls import wrap
from syncd.directory.transport import ServerUrl, close
from syncd.errors import BindError, DirectoryError, StartTlsRefusedError
from syncd.redaction import forget_locals
from syncd.settings.directory import DirectorySettings

_METHODS: dict[str, Literal["SIMPLE", "ANONYMOUS", "SASL"]] = {"simple": "SIMPLE", "anonymous": "ANONYMOUS", "external": "SASL"}
_START_TLS = "1.3.6.1.4.1.1466.20037"


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to bind. The password is in no repr."""

    method: Literal["simple", "anonymous", "external"]
    dn: str | None = None
    _password: SecretStr | None = None

    @classmethod
    def of(cls, settings: DirectorySettings) -> Credentials:
        """From the configuration. Raises BindError for a password no server may be asked with: an empty one would be taken
        for an anonymous bind and succeed (RFC 4513 section 5.1.2)."""
        method = settings.bind or ("simple" if settings.bind_dn else "anonymous")
        if method != "simple":
            return cls(method)
        # no variable of this frame holds the password when it raises
        problem = "bind_dn is not set" if not settings.bind_dn else _problem(settings.bind_password)
        if problem:
            raise BindError(f"The bind was not tried: {problem}.", advice=_ADVICE, phase=BIND)
        return cls(method, settings.bind_dn, settings.bind_password)

    @property
    def password(self) -> str:
        return self._password.get_secret_value() if self._password is not None else ""


_ADVICE = 'Set `bind_dn` and `bind_password` (or its _FILE variable or systemd credential), or `bind = "anonymous"`.'


def _problem(secret: SecretStr | None) -> str:
    password = secret.get_secret_value() if secret else ""
    if not password.strip():
        return "the bind password is empty"
    return "the bind password has a NUL character" if "\0" in password else ""


def start_tls(plain: socket.socket, context: ssl.SSLContext, server: ServerUrl, *, timeout: float) -> ssl.SSLSocket:
    """Turn a plain connection into a protected one (RFC 4511 section 4.14). Raises TlsError; there is no way back to plain."""
    connection = _adopt(plain, Credentials("anonymous"), timeout=timeout)
    try:
        result = _answer(connection.extended(_START_TLS), "extendedResp")
    except Exception as error:  # whatever ldap3 stumbles over in an answer it does not expect
        close(plain)
        raise failure(error, url=server.url, phase=STARTTLS, seconds=timeout) from error
    if result["result"] != SUCCESS:
        close(plain)
        code, text = int(result["result"]), printable(str(result["message"] or ""))
        said = f": {text!r}" if text else ""
        raise StartTlsRefusedError(
            f"{server.url}: {STARTTLS}: the server refused StartTLS with {name_of(code)} ({code}){said}.",
            server=server.url,
            phase=STARTTLS,
            result_code=code,
            server_text=text,
        )
    return handshake(plain, context, server, timeout=timeout)


def handshake(plain: socket.socket, context: ssl.SSLContext, server: ServerUrl, *, timeout: float) -> ssl.SSLSocket:
    """The TLS handshake with all its checks, in `timeout` seconds. Raises DirectoryError, the socket closed."""
    try:
        plain.settimeout(timeout)
        # one that the server has reset already is neither shaken hands on nor closed by the ssl module
        plain.getpeername()
        return wrap(plain, context, host=server.host)
    except (OSError, ValueError) as error:
        close(plain)
        raise failure(error, url=server.url, phase=TLS, seconds=timeout) from error


def bind(connected: socket.socket, server: ServerUrl, credentials: Credentials, *, timeout: float) -> None:
    """Bind, once, in `timeout` seconds. Raises DirectoryError; whether the socket is then still open is not said."""
    if credentials.method == "external" and not isinstance(connected, ssl.SSLSocket):
        raise BindError(
            f"{server.url}: {BIND}: SASL EXTERNAL needs TLS, and this connection has none.",
            advice="Use an ldaps:// URL or `tls.starttls = true`, with `tls.cert_file`.",
            server=server.url,
            phase=BIND,
        )
    refusal = _refusal(connected, server, credentials, timeout=timeout)
    if refusal is not None:
        forget_locals(refusal)
        raise refusal


def _refusal(connected: socket.socket, server: ServerUrl, credentials: Credentials, *, timeout: float) -> DirectoryError | None:
    """Try to bind; the error, with its cause, if that fails. Not raised here, where the request is still in reach."""
    connection = _adopt(connected, credentials, timeout=timeout)
    try:
        result = _answer(connection.bind(read_server_info=False), "bindResponse")
    except Exception as error:  # whatever ldap3 stumbles over in an answer it does not expect
        refusal = failure(error, url=server.url, phase=BIND, seconds=timeout)
        refusal.__cause__ = error if refusal is not error else None
        return refusal
    finally:
        connection.password = None
    if result["result"] == SUCCESS:
        return None
    return bind_error(int(result["result"]), str(result["message"] or ""), url=server.url, secret=credentials.password)


def _answer(returned: tuple[Any, ...], kind: str) -> dict[str, Any]:
    """The result in what ldap3 gives back, which may be the answer to something else. Raises BerError then."""
    result: dict[str, Any] = returned[1]
    if result["type"] != kind:
        raise BerError(f"a message of type {result['type']} instead of {kind}")
    return result


def _adopt(connected: socket.socket, credentials: Credentials, *, timeout: float) -> Any:
    """A connection of ldap3 on a socket that is open already, for what takes `timeout` seconds in all. Typed as Any: the stubs
    do not know the blocking strategies' return values."""
    connection = ldap3.Connection(
        # a name it never resolves: it is not ldap3 that connects
        ldap3.Server("localhost", get_info=ldap3.NONE),
        user=credentials.dn,
        password=credentials.password or None,
        authentication=_METHODS[credentials.method],
        sasl_mechanism=ldap3.EXTERNAL if credentials.method == "external" else None,
        # "as whom the certificate says"; without it the server asks back, and ldap3 has no answer
        sasl_credentials="" if credentials.method == "external" else None,
        client_strategy=ldap3.SAFE_SYNC,
        auto_bind=ldap3.AUTO_BIND_NONE,
        auto_referrals=False,
        auto_range=False,
        check_names=False,
        read_only=True,
        return_empty_attributes=False,
    )
    connection.socket = HurriedSocket(connected, seconds=timeout)
    connection.closed = False
    connection.listening = True
    # what ldap3 makes when it opens the socket itself: the requests without an answer
    connection.strategy._outstanding = {}
    return connection
