"""Neighbours of the use cases about people: what one family needs of the others, as simple as can be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.accounts.tokens import TokenKind, new_secret, token_text
from syncd.errors import AboveCallerError, NotFoundError
from syncd.model.caller import Caller
from syncd.model.mail import MailKind, NewMail
from tests.fakes.host import FakeHost

ADMIN = Caller(name="anna", user_id=1_000_000, everything=True, request_id="req-1")


@dataclass
class FakeCeiling:
    """The roles, and the people, that are above whoever may not do everything. `known`: all roles there are."""

    roles: set[int] = field(default_factory=set)
    above: set[int] = field(default_factory=set)
    known: Collection[int] | None = None

    def require_roles(self, role_ids: Collection[int], *, caller: Caller) -> None:
        for number in role_ids:
            if self.known is not None and number not in self.known:
                raise NotFoundError(f"there is no role {number}")
            if number in self.roles and not caller.everything:
                raise AboveCallerError(f"role {number} gives more than you have")

    def require_user(self, user_id: int, *, caller: Caller) -> None:
        if user_id in self.above and not caller.everything:
            raise AboveCallerError(f"user {user_id} may do more than you")


@dataclass
class FakeMailer:
    """Makes every mail that has an address, unless it is off: no mail is configured."""

    on: bool = True
    made: list[NewMail] = field(default_factory=list)

    def new(
        self,
        kind: MailKind,
        *,
        user_id: int | None,
        to: str | None,
        name: str = "",
        link_id: int | None = None,
        **data: str | int | bool | None,
    ) -> NewMail | None:
        if not self.on or not to:
            return None
        mail = NewMail(kind=kind, user_id=user_id, to=to, data={"name": name, **data}, link_id=link_id)
        self.made.append(mail)
        return mail


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
