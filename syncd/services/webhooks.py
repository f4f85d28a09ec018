"""Webhooks: the event feed, brought to a receiver.

At least once and in order: nothing is sent after an event that the receiver has not taken. A delivery that fails is repeated as
it was, with the same id, by which the receiver tells; pauses grow from five seconds to the webhook's `max_delay`, and it is
never given up. A new webhook begins with what happens from then on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import structlog

from syncd.clock import Clock
from syncd.errors import CursorExpiredError, NotFoundError, WebhookError, WebhookNotBlockedError
from syncd.model.caller import Caller
from syncd.model.events import Event, EventPage
from syncd.model.signature import key_of, signature
from syncd.model.webhook import Message, WebhookSkip, WebhookStanding, WebhookState, WebhookView
from syncd.services.events import EventService, cursor_of, shown
from syncd.services.reasons import reason_text
from syncd.settings.accounts import WebhookSettings
from syncd.settings.duration import parse_duration

log = structlog.get_logger("syncd.webhooks")

# events of one delivery
BATCH = 100
FIRST_PAUSE = timedelta(seconds=5)
# how much longer than its timeout a delivery is claimed
SLACK = timedelta(seconds=5)
# positions that may be passed over without noting it, where nothing is wanted by the webhook
UNNOTED = 1000
# events that wait are not counted beyond this
PENDING_LIMIT = 1000


class WebhookStore(Protocol):
    """How far each webhook has come: `syncd.store.webhooks`. Everything raises StoreError."""

    def get(self, name: str) -> WebhookState | None:
        """None: it is new."""

    def all(self) -> Sequence[WebhookState]:
        """By name."""

    def begin(self, name: str) -> None:
        """Let a new one begin after everything that has happened."""

    def claim(self, name: str, *, position: int, through: int, at: datetime, until: datetime) -> bool:
        """Take the delivery of what comes after `position`, up to `through`; False when somebody else has it, it is not due, or
        things have moved on."""

    def delivered(self, name: str, *, position: int, through: int, at: datetime | None) -> bool:
        """Go on to `through`; whether it still stood at `position`. `at`: None where nothing was sent."""

    def failed(self, name: str, *, position: int, error: str, next_try_at: datetime, until: datetime) -> bool:
        """Count a failure of whoever claimed it until then."""

    def skip(self, name: str, *, caller: Caller, at: datetime, reason: str) -> WebhookSkip | None:
        """Give up on the delivery that fails, with its audit event; None when none does."""


class Courier(Protocol):
    """What sends: `syncd.notify.webhooks`."""

    def deliver(self, message: Message) -> None:
        """Blocks. Raises WebhookError unless the receiver has taken it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookService:
    """The configured webhooks."""

    settings: Mapping[str, WebhookSettings]
    store: WebhookStore
    events: EventService
    courier: Courier
    clock: Clock

    @property
    def names(self) -> tuple[str, ...]:
        """Those that have somewhere to send to."""
        return tuple(name for name, each in self.settings.items() if each.url is not None and each.secret is not None)

    def work(
        self, name: str, *, stopping: Callable[[], bool], tried: Callable[[bool], None] = lambda _: None
    ) -> datetime | None:
        """Deliver everything that is due; when to try again after a failure, None: when there is something new. Raises
        StoreError.

        `tried`: told of each try, whether the receiver has taken it.
        """
        while not stopping():
            state = self.store.get(name)
            if state is None:
                self.store.begin(name)
                return None
            at = self.clock.now()
            busy = [time for time in (state.next_try_at, state.claimed_until) if time is not None and time > at]
            if busy:
                return max(busy)
            if not self._next(name, state, at=at, tried=tried):
                return None
        return None

    def list(self) -> Sequence[WebhookView]:
        """All that are configured, by name. Raises StoreError."""
        return [self._view(standing) for standing in self.standings()]

    def standings(self) -> Sequence[WebhookStanding]:
        """What waits for each that is configured, by name. Raises StoreError."""
        states = {state.name: state for state in self.store.all()}
        newest = self.events.newest()
        return [self._standing(name, states.get(name), newest) for name in sorted(self.names)]

    def standing(self, name: str, *, before: WebhookStanding | None = None) -> WebhookStanding:
        """What waits for one. `before`: what was said the last time, which is not looked up again. Raises StoreError."""
        return self._standing(name, self.store.get(name), self.events.newest(), before=before)

    def skip(self, name: str, *, reason: str, caller: Caller) -> WebhookSkip:
        """Give up on the delivery that blocks all that follow it. Raises NotFoundError, WebhookNotBlockedError, UsageError,
        StoreError."""
        why = reason_text(reason)
        if name not in self.names:
            raise NotFoundError(f"no webhook is called {name!r}")
        skipped = self.store.skip(name, caller=caller, at=self.clock.now(), reason=why)
        if skipped is None:
            raise WebhookNotBlockedError(f"No delivery to webhook {name!r} has failed, so there is nothing to give up.")
        log.warning("webhook delivery given up", webhook=name, after=skipped.after_id, through=skipped.through_id)
        return skipped

    # ------------------------------------------------------------ inside
    def _next(self, name: str, state: WebhookState, *, at: datetime, tried: Callable[[bool], None]) -> bool:
        """The next delivery; whether to look for another."""
        settings = self.settings[name]
        page = self._page(name, state, limit=BATCH, write=log.error)
        items = [e for e in page.items if state.tried_through is None or e.position <= state.tried_through]
        if not items and state.tried_through is not None:
            # it no longer wants what was tried
            self.store.delivered(name, position=state.position, through=state.tried_through, at=None)
            return True
        if not items:
            # nothing for it: noted now and then, so that it need not look through all of it again
            if page.more or page.position - state.position > UNNOTED or page.position < state.position:
                self.store.delivered(name, position=state.position, through=page.position, at=None)
            return page.more
        through = state.tried_through or items[-1].position
        until = at + parse_duration(settings.timeout) + SLACK
        if not self.store.claim(name, position=state.position, through=through, at=at, until=until):
            return False
        try:
            self.courier.deliver(self._message(name, items, message_id=f"msg_{name}_{state.position}_{through}", at=at))
        except WebhookError as error:
            tried(False)
            pause = min(FIRST_PAUSE * 2 ** min(state.failures, 20), parse_duration(settings.max_delay))
            self.store.failed(
                name, position=state.position, error=error.message, next_try_at=self.clock.now() + pause, until=until
            )
            log.warning(
                "webhook not delivered",
                webhook=name,
                message=error.message,
                failures=state.failures + 1,
                advice="It is tried again; `syncd webhooks list` shows when.",
            )
            return True
        tried(True)
        self.store.delivered(name, position=state.position, through=through, at=self.clock.now())
        log.info("webhook delivered", webhook=name, events=len(items))
        return True

    def _page(self, name: str, state: WebhookState, *, limit: int, write: Callable[..., object]) -> EventPage:
        """What comes next for it."""
        types = self.settings[name].types
        try:
            return self.events.page(after=cursor_of(state.position), types=types, limit=limit)
        except CursorExpiredError as error:
            # of the two ways to go on, the one that leaves nothing out that is still there
            write("webhook missed events", webhook=name, message=error.message, advice=error.hint)
            return self.events.page(types=types, limit=limit)

    def _standing(
        self, name: str, state: WebhookState | None, newest: int, *, before: WebhookStanding | None = None
    ) -> WebhookStanding:
        if state is None or state.position == newest:
            return WebhookStanding(name=name, state=state, newest=newest)
        known = before.state if before is not None and before.newest == newest else None
        if before is not None and known is not None and known.position == state.position:
            return replace(before, state=state)
        items = self._page(name, state, limit=PENDING_LIMIT, write=log.debug).items
        since = items[0].at if items else None
        return WebhookStanding(name=name, state=state, newest=newest, pending=len(items), pending_since=since)

    def _message(self, name: str, items: Sequence[Event], *, message_id: str, at: datetime) -> Message:
        settings = self.settings[name]
        assert settings.url is not None
        assert settings.secret is not None
        key = key_of(settings.secret.get_secret_value())
        assert key is not None, "the configuration was checked"
        data = {"webhook": name, "events": [shown(event) for event in items], "cursor": cursor_of(items[-1].position)}
        content = {"type": "events", "timestamp": items[-1].at.isoformat().replace("+00:00", "Z"), "data": data}
        body, timestamp = json.dumps(content, ensure_ascii=False, default=str).encode(), int(at.timestamp())
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(key, message_id=message_id, timestamp=timestamp, body=body),
        }
        timeout = parse_duration(settings.timeout).total_seconds()
        return Message(url=settings.url, headers=headers, body=body, timeout=timeout, ca_file=settings.ca_file)

    def _view(self, standing: WebhookStanding) -> WebhookView:
        name, state, settings = standing.name, standing.state, self.settings[standing.name]
        if state is None:
            word = "new"
        elif state.failures:
            word = "failing"
        else:
            word = "behind" if standing.pending or state.tried_through is not None else "current"
        return WebhookView(
            name=name,
            url=_without_query(settings.url or ""),
            types=tuple(settings.types),
            state=word,
            cursor=cursor_of(state.position) if state else None,
            last_event_id=state.position if state else None,
            pending=standing.pending,
            pending_since=standing.pending_since,
            failures=standing.failures,
            next_try_at=state.next_try_at if state else None,
            last_error=standing.last_error,
            delivered_at=state.delivered_at if state else None,
        )


def _without_query(url: str) -> str:
    """Where it goes to; a query may have a secret in it."""
    return urlunsplit(urlsplit(url)._replace(query=""))
