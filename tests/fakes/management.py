"""Neighbours of the use cases about people: what one family needs of the others, as simple as can be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.accounts.tokens import TokenKind, new_secret, token_text
from syncd.errors import AboveCallerError
from syncd.model.caller import Caller
from tests.fakes.host import FakeHost

ADMIN = Caller(name="anna", user_id=1_000_000, everything=True, request_id="req-1")


@dataclass
class FakeCeiling:
    """Whoever is in `above` may do more than anybody who may not do everything."""

    above: set[int] = field(default_factory=set)

    def require_roles(self, role_ids: Collection[int], *, caller: Caller) -> None:
        del role_ids, caller

    def require_user(self, user_id: int, *, caller: Caller) -> None:
        if user_id in self.above and not caller.everything:
            raise AboveCallerError(f"user {user_id} may do more than you")


@dataclass
class FakeDoer:
    """Notes what it is asked for by whatever name, and refuses whom the test says."""

    refusals: dict[int, Exception] = field(default_factory=dict)
    calls: list[tuple[str, int, str]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def do(user_id: int, *, caller: Caller, reason: str = "", **_: Any) -> None:
            if (refusal := self.refusals.get(user_id)) is not None:
                raise refusal
            self.calls.append((name, user_id, reason))

        return do


@dataclass
class FakeFinder:
    """A filter is a key of this mapping."""

    known: dict[str, Sequence[int]] = field(default_factory=dict)

    def found(self, text: str, *, limit: int) -> dict[int, str]:
        return {user_id: f"user-{user_id}" for user_id in self.known[text][:limit]}


def logged_in(host: FakeHost, caller: Caller) -> dict[str, str]:
    """The headers of requests that somebody makes."""
    secret = new_secret()
    host.callers[secret] = caller
    kind = TokenKind.SESSION if caller.key_id is None else TokenKind.KEY
    return {"Authorization": f"Bearer {token_text(kind, 1, secret)}"}
