"""The sending of mail from the outbox.

A mail goes at least once, as SMTP cannot do better: the server may have taken it and the answer may not have come. The same
mail has the same Message-ID each time, by which receiving systems tell. A mail that the server refuses for good is given up at
once; what may pass is tried again after growing pauses, kept in the row, until `mail.give_up`. Trouble with the server itself
pauses the sender as a whole, so that a server that is down, or does not like our password, is asked now and then and not once
for each mail.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from syncd.accounts.tokens import TokenKind, digest, new_secret, token_text
from syncd.clock import Clock
from syncd.errors import (
    MailError,
    MailLoginError,
    MailMootError,
    MailRefusedError,
    MailTlsError,
    MailUnavailableError,
    MailUncertainError,
    StoreError,
)
from syncd.model.mail import Letter, MailKind, MailLink, MailsWaiting, QueuedMail
from syncd.services.mails import link_address, site_name, time_text
from syncd.settings.accounts import MailSettings
from syncd.settings.duration import parse_duration

log = structlog.get_logger("syncd.mail")

BATCH = 20
# for how long mails are claimed, and for how much of it they are sent: the rest is for the one that is under way
CLAIM = timedelta(minutes=10)
BUDGET = 300.0
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
# of the sender as a whole, and of mails that met a server in trouble
FIRST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=5)
# each wrong password counts at the server
LOGIN_REST = timedelta(minutes=10)
# what concerns the server, and so every mail
_OF_THE_SERVER = (MailUnavailableError, MailTlsError, MailLoginError)


class Outbox(Protocol):
    """Mails that wait: `syncd.store.outbox`. Everything raises StoreError."""

    def claim(self, *, at: datetime, until: datetime, limit: int) -> Sequence[QueuedMail]:
        """Take due mails for this process until then, oldest first, and count a try of each."""

    def open_link(self, mail: QueuedMail, *, digest: bytes, at: datetime) -> MailLink | None:
        """Give the mail's link a secret; None when the link was used, withdrawn or has expired."""

    def close_link(self, link: MailLink) -> None:
        """The mail has certainly not arrived: take the secret back."""

    def sent(self, mail: QueuedMail, *, at: datetime) -> None:
        """It has arrived at the server."""

    def put_off(self, mail: QueuedMail, *, due_at: datetime, error: str) -> None:
        """It is tried again then."""

    def release(self, mails: Collection[QueuedMail]) -> None:
        """Give back what was claimed and not tried."""

    def give_up(self, mail: QueuedMail, *, at: datetime, error: str) -> None:
        """It is not tried any more."""

    def waiting(self) -> MailsWaiting:
        """How many are queued, and since when."""

    def prune(self, *, before: datetime) -> int:
        """Delete what was sent or given up before then; how many."""


class PostConnection(Protocol):
    """A connection to the mail server."""

    def send(self, letter: Letter) -> None:
        """Raises MailError."""


class Post(Protocol):
    """The mail server: `syncd.notify`."""

    def connect(self) -> AbstractContextManager[PostConnection]:
        """Raises MailUnavailableError, MailTlsError, MailLoginError."""


@dataclass(slots=True)
class MailReport:
    """What one round came to."""

    sent: Counter[MailKind] = field(default_factory=Counter)
    failed: Counter[MailKind] = field(default_factory=Counter)
    waiting: MailsWaiting = field(default_factory=MailsWaiting)


@dataclass(slots=True, kw_only=True)
class MailSender:
    """Sends what is due. One for each process and configuration; called by one thread at a time."""

    settings: MailSettings
    outbox: Outbox
    post: Post
    clock: Clock
    # how long the record of a mail is kept
    kept: timedelta
    _rests: int = 0
    _resting_until: float = 0.0

    def work(self, *, stopping: Callable[[], bool]) -> MailReport:
        """Send everything that is due. Raises StoreError; nothing over the mail server."""
        report = MailReport()
        while not stopping() and self.clock.monotonic() >= self._resting_until:
            at = self.clock.now()
            # a server that was in trouble is tried with one mail
            mails = self.outbox.claim(at=at, until=at + CLAIM, limit=1 if self._rests else BATCH)
            if not mails:
                break
            self._round(deque(mails), report, stopping)
        report.waiting = self.outbox.waiting()
        return report

    def tidy(self) -> None:
        """Delete records of mails whose time is over. Raises StoreError."""
        self.outbox.prune(before=self.clock.now() - self.kept)

    # ------------------------------------------------------------ inside
    def _round(self, mails: deque[QueuedMail], report: MailReport, stopping: Callable[[], bool]) -> None:
        until = self.clock.monotonic() + BUDGET
        before = report.sent.total()
        try:
            with self.post.connect() as connection:
                self._recovered()
                while mails and not stopping() and self.clock.monotonic() < until:
                    self._send(mails[0], connection, report)
                    mails.popleft()
        except MailError as error:
            # many servers take only so many mails by one connection
            if not (isinstance(error, MailUnavailableError) and report.sent.total() > before):
                self._trouble(error, mails, report)
        finally:
            self.outbox.release(mails)

    def _send(self, mail: QueuedMail, connection: PostConnection, report: MailReport) -> None:
        """Send one, and note what became of it. Raises what concerns the server, the mail being as it was before."""
        link: MailLink | None = None
        try:
            secret = new_secret()
            if mail.link_id is not None:
                link = self.outbox.open_link(mail, digest=digest(secret), at=self.clock.now())
                if link is None:
                    raise MailMootError
            connection.send(self._letter(mail, link, secret))
        except StoreError:
            raise
        except Exception as caught:
            error = caught if isinstance(caught, MailError) else MailError("An error of syncd itself; the log has it.")
            if error is not caught:
                log.exception("mail broken", **mail.log_context())
            if link is not None and not isinstance(error, MailUncertainError):
                self.outbox.close_link(link)
            if isinstance(error, _OF_THE_SERVER):
                raise
            self._failed(mail, error, report, pause=_pause(mail.tries, FIRST_PAUSE, LONGEST_PAUSE))
        else:
            self.outbox.sent(mail, at=self.clock.now())
            report.sent[mail.kind] += 1
            log.info("mail sent", **mail.log_context())

    def _failed(self, mail: QueuedMail, error: MailError, report: MailReport, *, pause: timedelta) -> None:
        now = self.clock.now()
        for_good = isinstance(error, (MailRefusedError, MailMootError))
        if for_good or now + pause > mail.created_at + parse_duration(self.settings.give_up):
            self.outbox.give_up(mail, at=now, error=error.message)
            report.failed[mail.kind] += 1
            log.error("mail given up", code=error.code, message=error.message, advice=error.hint, **mail.log_context())
        else:
            self.outbox.put_off(mail, due_at=now + pause, error=error.message)
            write = log.warning if mail.tries == 1 else log.info
            write("mail put off", code=error.code, message=error.message, seconds=pause.seconds, **mail.log_context())

    def _trouble(self, error: MailError, mails: deque[QueuedMail], report: MailReport) -> None:
        """Leave the server alone for a while, and the mails until then."""
        self._rests += 1
        first = LOGIN_REST if isinstance(error, MailLoginError) else FIRST_REST
        rest = _pause(self._rests, first, max(first, LONGEST_REST))
        self._resting_until = self.clock.monotonic() + rest.total_seconds()
        write = log.error if self._rests == 1 else log.info
        write("mail server in trouble", code=error.code, message=error.message, advice=error.hint, seconds=rest.seconds)
        while mails:
            self._failed(mails.popleft(), error, report, pause=rest)

    def _recovered(self) -> None:
        if self._rests:
            log.info("mail server works again", failures=self._rests)
        self._rests, self._resting_until = 0, 0.0

    def _letter(self, mail: QueuedMail, link: MailLink | None, secret: str) -> Letter:
        name = str(mail.data.get("name") or mail.full_name or mail.username or mail.to)
        values = letter_values(mail.data, self.settings, name=name, username=mail.username, email=mail.to)
        if link is not None:
            token = token_text(TokenKind.LINK, link.id, secret)
            values |= {"link": link_address(self.settings, token), "expires": time_text(link.expires_at)}
        return Letter(kind=mail.kind, to=mail.to, name=name, values=values, message_key=message_key(mail), at=self.clock.now())


def letter_values(
    data: Mapping[str, object], settings: MailSettings, *, name: str, username: str, email: str
) -> dict[str, object]:
    """What the templates are given: every name they may use, whether the mail has it or not."""
    person = {"name": name, "username": username, "email": email}
    nothing = {"by": "", "link": "", "expires": "", "days": 0, "file": "", "rows": 0, "server": "", "at": ""}
    return {**nothing, **data, "person": person, "site": site_name(settings), "url": settings.public_url}


def message_key(mail: QueuedMail) -> str:
    """The local part of the Message-ID: the same for the same row, whoever sends it and how often."""
    told = f"{mail.id} {mail.kind} {mail.user_id} {mail.to}"
    return f"syncd.{mail.id}.{hashlib.sha256(told.encode()).hexdigest()[:24]}"


def _pause(number: int, first: timedelta, longest: timedelta) -> timedelta:
    """The pause after that many failures: doubled each time."""
    return min(longest, first * (1 << min(number - 1, 20)))
