"""A real SMTP server (aiosmtpd) that keeps what it is given and refuses what a test tells it to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from tests.servers.tls import Certificate


@dataclass(frozen=True, slots=True)
class Delivered:
    """What the server took."""

    sender: str
    recipients: Sequence[str]
    message: EmailMessage

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        assert part is not None
        return str(part.get_content())


class _Controller(Controller):
    """Knows its connections, so that none outlives it."""

    async def drop(self) -> None:
        """Let nobody in any more, and cut off whoever is there, also in the middle of a handshake, where the protocol has no
        transport."""
        self.server.close()
        # whoever was being let in is in after these
        for _ in range(3):
            await asyncio.sleep(0)
        for transport in list(self.loop._transports.values()):  # type: ignore[attr-defined]
            transport.abort()
        for _ in range(2):
            await asyncio.sleep(0)


class SmtpServer:
    """Listens on 127.0.0.1 inside `with`, and again at the same port after `stop` and `start`."""

    def __init__(
        self,
        *,
        certificate: Certificate | None = None,
        implicit_tls: bool = False,
        user: str | None = None,
        password: str | None = None,
        utf8_addresses: bool = True,
    ) -> None:
        """`certificate`: STARTTLS is offered, or with `implicit_tls` the port speaks TLS. `user`: must log in."""
        self.port = _free_port()
        self.mails: list[Delivered] = []
        # recipient -> answers, one after the other; None or the end of them takes the mail
        self.answers: dict[str, list[str | None]] = {}
        # a mail has come, and waits for its answer
        self.held = threading.Event()
        # the connection ends in place of the answer, and the mail has arrived all the same
        self.cuts = False
        self.logins: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self._open = asyncio.Event()
        self._open.set()
        self._certificate, self._implicit = certificate, implicit_tls
        self._user, self._password = user, password
        self._utf8 = utf8_addresses
        self._controller: _Controller | None = None
        # keeps the port from others while nobody listens there
        self._holder: socket.socket | None = None

    def __enter__(self) -> Self:
        while self._holder is None:
            self._hold()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._holder is not None:
            self._holder.close()

    def _hold(self) -> None:
        """Take the port, or look for another one where somebody was quicker."""
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", self.port))
        except OSError:
            holder.close()
            self.port = _free_port()
        else:
            self._holder = holder

    def start(self) -> None:
        context = self._context() if self._certificate else None
        options: dict[str, Any] = {"enable_SMTPUTF8": self._utf8}
        if context is not None and not self._implicit:
            options |= {"tls_context": context, "require_starttls": True}
        if self._user is not None:
            # aiosmtpd knows STARTTLS only: over TLS from the start it would never be content
            options |= {"authenticator": self._authenticate, "auth_required": not self._implicit}
            options["auth_require_tls"] = not self._implicit
        self._controller = _Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            ssl_context=context if self._implicit else None,
            # a busy machine is not a failure
            ready_timeout=60,
            **options,
        )
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            asyncio.run_coroutine_threadsafe(self._controller.drop(), self._controller.loop).result(10)
            self._controller.stop()
            self._controller = None

    def wait(self, count: int, *, seconds: float = 60.0) -> list[Delivered]:
        """The mails, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.mails) >= count, seconds), f"{len(self.mails)} of {count} mails came"
            return list(self.mails)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """No mail is answered inside."""
        self._loop.call_soon_threadsafe(self._open.clear)
        self.held.clear()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._open.set)

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        assert self._controller, "the server is not running"
        return self._controller.loop

    def to(self, address: str) -> list[Delivered]:
        """The mails to one address."""
        return [mail for mail in self.mails if address in mail.recipients]

    # ------------------------------------------------------------ aiosmtpd's hooks
    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:
        waiting = self.answers.get(address)
        answer = waiting.pop(0) if waiting else None
        if answer is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        mail = Delivered(envelope.mail_from or "", tuple(envelope.rcpt_tos), message)
        self.held.set()
        await self._open.wait()
        if self.cuts:
            server.transport.abort()
        with self._changed:
            self.mails.append(mail)
            self._changed.notify_all()
        return "250 OK"

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
        given = (data.login.decode(), data.password.decode())
        self.logins.append(given)
        return AuthResult(success=given == (self._user, self._password), handled=False)

    def _context(self) -> ssl.SSLContext:
        assert self._certificate
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._certificate.cert_file, self._certificate.key_file)
        return context


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
