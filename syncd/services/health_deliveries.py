"""When what goes out - events to webhooks, mail to people - has not arrived for so long that somebody should look.

It degrades and never fails: a receiver that is away says nothing about the data here, so that readiness stays as it is. What
counts is how long the oldest has waited, since one that fails now and then is what retries are there for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.model.mail import MailsWaiting
from syncd.model.webhook import WebhookStanding
from syncd.services.problem import Problem, Status

# after which an event that a failing webhook has not taken, or a mail that is not sent, is a problem
LATE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFacts:
    """What is known of what goes out."""

    # of those that were looked at
    webhooks: tuple[WebhookStanding, ...] = ()
    # None: no mail is configured, or nothing was looked at yet
    mail: MailsWaiting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookHealth:
    """How one webhook is."""

    status: Status
    standing: WebhookStanding
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailHealth:
    """How mail is."""

    status: Status
    waiting: MailsWaiting
    problems: tuple[Problem, ...]


def assess_webhook(now: datetime, standing: WebhookStanding) -> WebhookHealth:
    """The report for one webhook."""
    problem = _webhook_problem(now, standing)
    return WebhookHealth(
        status=Status.DEGRADED if problem else Status.OK, standing=standing, problems=(problem,) if problem else ()
    )


def assess_mail(now: datetime, waiting: MailsWaiting | None) -> MailHealth | None:
    """The report for mail; None where there is nothing to report on."""
    if waiting is None:
        return None
    problem = _mail_problem(now, waiting)
    return MailHealth(status=Status.DEGRADED if problem else Status.OK, waiting=waiting, problems=(problem,) if problem else ())


def _webhook_problem(now: datetime, standing: WebhookStanding) -> Problem | None:
    since = standing.pending_since
    if not standing.failures or since is None or now - since <= LATE:
        return None
    return Problem(
        code="webhook_failing",
        message=f"Webhook {standing.name!r} has not taken what happened since {since:%Y-%m-%d %H:%M} UTC, "
        f"after {standing.failures} tries: {standing.last_error}.",
        advice="Look at the receiver; it is tried again until it answers with 2xx. "
        f"`syncd webhooks skip {standing.name}` gives up on the delivery that blocks.",
    )


def _mail_problem(now: datetime, waiting: MailsWaiting) -> Problem | None:
    since = waiting.since
    if since is None or now - since <= LATE:
        return None
    # whose, and what the mail server said, is not for everybody who may ask how it is
    return Problem(
        code="mail_waiting",
        message=f"Mail waits to be sent since {since:%Y-%m-%d %H:%M} UTC; waiting: {waiting.count}.",
        advice="`syncd mail list --state queued` says why; `syncd check --connect` tries the mail server out.",
    )
