"""The SMTP server that takes our mail (RFC 5321), plain, over STARTTLS or over TLS.

aiosmtplib speaks the protocol; the loop it needs lives inside one connection, so that to everybody else sending is a blocking
call like any other. Its errors become ours here, sorted by the one thing the outbox wants to know: is it this mail, or is it
the server.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Any, TypeVar

import aiosmtplib

from syncd.errors import (
    MailAddressError,
    MailDeferredError,
    MailError,
    MailLoginError,
    MailRefusedError,
    MailTlsError,
    MailUnavailableError,
    MailUncertainError,
)
from syncd.notify.loop import own_loop
from syncd.settings.accounts import MailSettings
from syncd.settings.duration import parse_duration

T = TypeVar("T")


class SmtpServer:
    """The configured server. Nothing is connected before `connect`."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self.name = f"{settings.host}:{settings.port}"

    @contextmanager
    def connect(self) -> Iterator[SmtpConnection]:
        """Connect, encrypt, log in; closed at the end. Raises MailUnavailableError, MailTlsError, MailLoginError."""
        with own_loop() as runner:
            client = self._client()
            _settle(runner, client.connect(), server=self.name)
            connection = SmtpConnection(runner, client, server=self.name)
            try:
                yield connection
            finally:
                connection.close()

    def _client(self) -> aiosmtplib.SMTP:
        settings = self._settings
        password = settings.password.get_secret_value() if settings.password else None
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=password if settings.username else None,
            timeout=parse_duration(settings.timeout).total_seconds(),
            use_tls=settings.security == "tls",
            # never when it happens to be offered: who asked for encryption gets it or no connection
            start_tls=settings.security == "starttls",
            tls_context=_context(settings) if settings.security != "none" else None,
        )


class SmtpConnection:
    """One connection. It takes mails one after the other."""

    def __init__(self, runner: asyncio.Runner, client: aiosmtplib.SMTP, *, server: str) -> None:
        self._runner = runner
        self._client = client
        self._server = server

    def send(self, message: EmailMessage) -> None:
        """Hand a message over to the server.

        Raises MailRefusedError when it will never be taken, MailDeferredError when it may be later, and of the server itself
        MailUncertainError when the connection ended before the answer, MailUnavailableError when it had ended before.
        """
        if not self._client.is_connected:
            raise MailUnavailableError(f"The mail server {self._server} has closed the connection.")
        recipients = [address.addr_spec for address in message["To"].addresses]
        _settle(self._runner, self._client.send_message(message, recipients=recipients), server=self._server, sending=True)

    def close(self) -> None:
        """Say goodbye, and never raise over it."""
        with suppress(MailError):
            if self._client.is_connected:
                _settle(self._runner, self._client.quit(), server=self._server)
        self._client.close()


def _settle(runner: asyncio.Runner, work: Coroutine[Any, Any, T], *, server: str, sending: bool = False) -> T:
    try:
        return runner.run(work)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise _translated(error, server=server, sending=sending) from error


def _translated(error: Exception, *, server: str, sending: bool) -> MailError:
    certificate = _cause(error, ssl.SSLError)
    if certificate is not None:
        reason = getattr(certificate, "verify_message", "") or certificate.reason or "the handshake failed"
        return MailTlsError(f"TLS with the mail server {server} failed: {reason}.")
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return MailLoginError(f"The mail server {server} did not accept the user or the password ({error.code}).")
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return _answer(error.recipients[0], server, "the recipient")
    if isinstance(error, aiosmtplib.SMTPDataError):
        return _answer(error, server, "the message")
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        # whom we send as is a matter of the configuration, and the same for every mail
        return MailDeferredError(f"The mail server {server} refused the sender: {_words(error)}.")
    if isinstance(error, aiosmtplib.SMTPNotSupported) and sending:
        return MailRefusedError(f"The mail server {server} takes no addresses with letters beyond ASCII.")
    if isinstance(error, ValueError):
        return MailAddressError("The address is not one that mail can be sent to.")
    if sending and isinstance(error, (aiosmtplib.SMTPServerDisconnected, TimeoutError, OSError)):
        return MailUncertainError(f"The mail server {server} did not say whether it has taken the mail.")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return MailUnavailableError(f"The mail server {server} answered {_words(error)}.")
    if isinstance(error, aiosmtplib.SMTPException) and "STARTTLS" in error.message:
        return MailTlsError(f"The mail server {server} offers no STARTTLS.")
    reason = error.message if isinstance(error, aiosmtplib.SMTPException) else str(error)
    return MailUnavailableError(f"The mail server {server} is not to be had: {_line(reason)}.")


def _answer(error: aiosmtplib.SMTPResponseException, server: str, what: str) -> MailError:
    """4xx: later perhaps; 5xx: never (RFC 5321 section 4.2.1)."""
    kind = MailRefusedError if error.code >= 500 else MailDeferredError
    return kind(f"The mail server {server} refused {what}: {_words(error)}.")


def _words(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {_line(error.message)}".strip()


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")[:300]


def _cause(error: BaseException | None, kind: type[ssl.SSLError]) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None


def _context(settings: MailSettings) -> ssl.SSLContext:
    """Chain, name and expiry are checked. Raises MailTlsError for a file that is none."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no file of certificates (PEM)"
        raise MailTlsError(f"mail.ca_file {settings.ca_file} cannot be used: {why}.") from error
    # Python 3.13 began to refuse what RFC 5280 forbids but internal authorities do
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
