"""Letters to the mail server: texts by the templates, a message of them, a connection that takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncd.model.mail import Letter
from syncd.notify.message import compose, domain_of
from syncd.notify.smtp import SmtpConnection, SmtpServer
from syncd.notify.templates import Templates
from syncd.settings.accounts import MailSettings


class SmtpPost:
    """The Protocol `Post` of syncd.services.mailing."""

    def __init__(self, settings: MailSettings) -> None:
        """`settings`: with a host."""
        self._sender = settings.sender
        self._server = SmtpServer(settings)
        self._templates = Templates(Path(settings.templates) if settings.templates else None)
        self.server = self._server.name

    @contextmanager
    def connect(self) -> Iterator[_Connection]:
        """Raises MailUnavailableError, MailTlsError, MailLoginError."""
        with self._server.connect() as connection:
            yield _Connection(connection, self._templates, self._sender)

    def template_problems(self, samples: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        """What is wrong with the site's templates."""
        return self._templates.problems(samples)


class _Connection:
    def __init__(self, connection: SmtpConnection, templates: Templates, sender: str) -> None:
        self._connection = connection
        self._templates = templates
        self._sender = sender

    def send(self, letter: Letter) -> None:
        """Raises MailError."""
        message = compose(
            self._templates.render(letter.kind.value, letter.values),
            sender=self._sender,
            to_name=letter.name,
            to_address=letter.to,
            message_id=f"{letter.message_key}@{domain_of(self._sender)}",
            at=letter.at,
        )
        self._connection.send(message)
