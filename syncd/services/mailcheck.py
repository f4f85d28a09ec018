"""Whether mail can be sent, tried out: the site's templates, the mail server, and when asked for a test mail."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from syncd.clock import Clock
from syncd.errors import MailError
from syncd.model.checks import CheckLine, CheckStatus
from syncd.model.mail import Letter, MailKind
from syncd.services.mailing import Post, letter_values
from syncd.services.mails import link_address, time_text
from syncd.settings.accounts import MailSettings


class CheckedPost(Post, Protocol):
    """The mail server and the texts, as the check sees them."""

    @property
    def server(self) -> str:
        """HOST:PORT."""

    def template_problems(self, samples: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        """What is wrong with the site's templates."""


@dataclass(slots=True, kw_only=True)
class MailCheck:
    """The use case of checking mail. `settings`: with a host."""

    settings: MailSettings
    post: CheckedPost
    clock: Clock

    def templates(self) -> Iterator[CheckLine]:
        """Each of the site's templates is filled with invented values. Connects to nothing."""
        if self.settings.templates is None:
            return
        problems = list(self.post.template_problems(self._samples()))
        for problem in problems:
            yield CheckLine(
                name="mail templates",
                status=CheckStatus.FAIL,
                text=problem,
                advice="Until it is mended, the built-in text is sent in its place; docs/mail.md has the names there are.",
            )
        if not problems:
            yield CheckLine(
                name="mail templates", status=CheckStatus.PASS, text=f"those in {self.settings.templates} can be used"
            )

    def server(self, *, send_to: str | None = None) -> Iterator[CheckLine]:
        """Connect and log in; and send a test mail. Raises nothing over the mail server."""
        name = "mail server"
        try:
            with self.post.connect() as connection:
                yield CheckLine(name=name, status=CheckStatus.PASS, text=f"{self.post.server} {self._how()}")
                if send_to is not None:
                    name = "test mail"
                    connection.send(self._letter(send_to))
                    text = f"{self.post.server} has taken a test mail to {send_to}"
                    yield CheckLine(name=name, status=CheckStatus.PASS, text=text)
        except MailError as error:
            yield CheckLine(name=name, status=CheckStatus.FAIL, text=error.message, advice=error.hint)

    def _how(self) -> str:
        encrypted = {"tls": "answers over TLS", "starttls": "answers over STARTTLS", "none": "answers, not encrypted"}
        login = f", logged in as {self.settings.username}" if self.settings.username else ""
        return encrypted[self.settings.security] + login

    def _letter(self, to: str) -> Letter:
        now = self.clock.now()
        data = {"server": self.post.server, "at": time_text(now)}
        values = letter_values(data, self.settings, name=to, username="", email=to)
        key = f"syncd.test.{secrets.token_hex(12)}"
        return Letter(kind=MailKind.TEST, to=to, name="", values=values, message_key=key, at=now)

    def _samples(self) -> dict[str, dict[str, object]]:
        """Kind -> values as such a mail has them."""
        now = time_text(self.clock.now())
        data = {"at": now, "expires": now, "link": link_address(self.settings, "syncd_l_1_TOKEN"), "days": 3, "rows": 17}
        data |= {"file": "people.csv", "server": self.post.server, "by": "administrator"}
        values = letter_values(data, self.settings, name="Ada Lovelace", username="ada", email="ada@example.com")
        return {kind.value: values for kind in MailKind}
