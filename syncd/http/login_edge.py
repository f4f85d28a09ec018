"""What a login goes through before and after the use case: rate limits, threads of its own, and one time for every refusal.

Limits hold for one process and are forgotten with it: they slow guessing down, and the counter in the store ends it.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from syncd.accounts.lockout import put_off
from syncd.errors import LoginRefusedError, LoginUnavailableError, SyncdError, TooManyRequestsError
from syncd.http.blocking import StoreCalls
from syncd.http.clientaddress import limited_by
from syncd.model.text import fold
from syncd.settings.accounts import LoginSettings
from syncd.settings.duration import parse_duration

T = TypeVar("T")

# logins at work: a directory that hangs takes twice `login.binds_at_once` of them at most
LOGINS_AT_ONCE = 64
# seconds beyond what a bind may take, for the store and the guesses before
_SLACK = 15.0
# keys that are remembered before those without a try in the last minute are looked for
_MANY_KEYS = 10_000


class LoginEdge:
    """One for the application."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._calls: StoreCalls | None = None
        self._timeout = 0.0

    def admit(self, name: str, address: str | None, settings: LoginSettings) -> None:
        """Count a try. Raises TooManyRequestsError, whoever it is that is named, existing or not."""
        self._forget_idle()
        self._hit(RateLimitItemPerMinute(settings.per_address), "address", limited_by(address))
        self._hit(RateLimitItemPerMinute(settings.per_name), "name", hashlib.sha256(fold(name).encode()).hexdigest())

    async def run(self, function: Callable[[], T], settings: LoginSettings, *, began: float) -> T:
        """What `function` returns or raises; a refusal at the next whole multiple of `login.refusal_time` after `began`.

        `began`: on the loop's clock. Raises LoginUnavailableError when it takes too long.
        """
        try:
            return await self._places(settings)(function, name="login")
        except LoginRefusedError:
            step = parse_duration(settings.refusal_time).total_seconds()
            await asyncio.sleep(put_off(asyncio.get_running_loop().time() - began, step))
            raise

    def _places(self, settings: LoginSettings) -> StoreCalls:
        timeout = 2 * parse_duration(settings.bind_timeout).total_seconds() + _SLACK
        if self._calls is None or timeout != self._timeout:
            self._timeout = timeout
            self._calls = _LoginCalls(at_once=LOGINS_AT_ONCE, timeout=timeout)
        return self._calls

    def _hit(self, item: RateLimitItem, *key: str) -> None:
        if not self._limiter.hit(item, *key):
            reset = self._limiter.get_window_stats(item, *key).reset_time
            raise TooManyRequestsError(retry_after=max(1, math.ceil(reset - time.time())))

    def _forget_idle(self) -> None:
        """The storage keeps the names of keys for good."""
        if len(self._storage.events) > _MANY_KEYS:
            for key in [key for key, entries in list(self._storage.events.items()) if not entries]:
                self._storage.events.pop(key, None)


class _LoginCalls(StoreCalls):
    """Logins at work."""

    def late(self, seconds: float) -> SyncdError:
        return LoginUnavailableError(f"The login has taken more than {seconds:g} s.")


LOGIN_EDGE: web.AppKey[LoginEdge] = web.AppKey("login_edge", LoginEdge)
