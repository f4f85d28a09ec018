"""What leaves for elsewhere: mail, events and webhooks."""

from __future__ import annotations

from syncd.clock import Clock
from syncd.notify.post import SmtpPost
from syncd.notify.webhooks import HttpCourier
from syncd.services.announcing import AnnouncingService
from syncd.services.events import EventService
from syncd.services.mailing import MailSender
from syncd.services.webhooks import WebhookService
from syncd.settings.duration import parse_duration
from syncd.settings.root import RootSettings
from syncd.store.announcing import SqlAnnouncing
from syncd.store.events import SqlEvents
from syncd.store.outbox import SqlOutbox
from syncd.store.webhooks import SqlWebhooks
from syncd.wiring.shared import Shared


def mail_sender(settings: RootSettings, *, outbox: SqlOutbox, clock: Clock) -> MailSender | None:
    """What sends mail; None when no mail is configured."""
    if settings.mail.host is None:
        return None
    return MailSender(
        settings=settings.mail,
        outbox=outbox,
        post=SmtpPost(settings.mail),
        clock=clock,
        kept=parse_duration(settings.history.mail),
    )


def events(shared: Shared) -> EventService:
    """The feed."""
    return EventService(store=SqlEvents(shared.engine))


def webhooks(shared: Shared, *, events: EventService) -> WebhookService:
    """The feed, delivered."""
    return WebhookService(
        settings=shared.settings.webhooks,
        store=SqlWebhooks(shared.engine),
        events=events,
        courier=HttpCourier(),
        clock=shared.clock,
    )


def announcing(shared: Shared) -> AnnouncingService:
    """Access that time alone gives or takes."""
    return AnnouncingService(store=SqlAnnouncing(shared.engine), clock=shared.clock)
