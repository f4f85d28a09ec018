"""What the daemon knows of what goes out, in memory: a part of the board, written by the loops that deliver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from syncd.model.mail import MailsWaiting
from syncd.model.webhook import WebhookStanding
from syncd.services.health_deliveries import DeliveryFacts


@dataclass(slots=True, kw_only=True)
class Deliveries:
    """Webhooks and mail, as far as they are known."""

    # of the configured webhooks; None until one was looked at
    webhooks: dict[str, WebhookStanding | None] = field(default_factory=dict)
    # None: no mail is configured, or nothing was looked at yet
    mail: MailsWaiting | None = None

    def expect(self, webhooks: Iterable[str]) -> tuple[str, ...]:
        """Go over to another configuration's webhooks; those that are no longer there."""
        before, self.webhooks = self.webhooks, {name: self.webhooks.get(name) for name in webhooks}
        return tuple(before.keys() - self.webhooks.keys())

    def facts(self) -> DeliveryFacts:
        """What health wants to know."""
        seen = tuple(standing for standing in self.webhooks.values() if standing is not None)
        return DeliveryFacts(webhooks=seen, mail=self.mail)
