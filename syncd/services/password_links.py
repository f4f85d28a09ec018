"""Links with which somebody sets a password without logging in: reset (S50, S51), invitation (S15), forgotten password.

A link is a token of 256 random bits. Its secret is nowhere but in the mail: whoever sends the mail makes it, and the store has
its SHA-256. It works once, until it expires, and not for somebody who is disabled; a newer one for the same purpose and any
saved password end it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from syncd.accounts.tokens import TokenKind, digest, new_secret, parse_token, token_text
from syncd.clock import Clock
from syncd.errors import LinkInvalidError, NotFoundError, StateError, StoreError
from syncd.model.caller import Caller
from syncd.model.mail import MailKind, NewMail
from syncd.model.password import LinkFacts, LinkGiven, LinkPurpose, LinkRequest, PasswordOwner
from syncd.services.passwords import Owners, PasswordService, kept, require_enabled, time_text
from syncd.services.reasons import reason_text
from syncd.settings.accounts import PasswordSettings
from syncd.settings.duration import parse_duration

log = structlog.get_logger("syncd.passwords")


class LinkStore(Protocol):
    """Where links are kept. Each method is one short transaction."""

    def give(
        self,
        user_id: int,
        request: LinkRequest,
        *,
        status: str | None,
        caller: Caller,
        at: datetime,
        mail: NewMail | None,
        reason: str | None = None,
        if_match: int | None = None,
    ) -> int:
        """Make a link and queue its mail; its number. `status`: the authentication status it begins with; then sessions end.

        Raises NotFoundError, StateError (disabled), PreconditionFailedError.
        """

    def forgotten(self, user_id: int, request: LinkRequest, *, caller: Caller, at: datetime, mail: NewMail | None) -> bool:
        """Make a link that was asked for without logging in, unless one was a moment ago; whether there is a new one."""

    def link(self, link_id: int) -> LinkFacts | None:
        """A link."""

    def redeem(self, link: LinkFacts, hashed: str, *, keep: int, caller: Caller, at: datetime, mail: NewMail | None) -> None:
        """Use the link up and save the password, both or neither. Raises LinkInvalidError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """What the page of a link shows."""

    username: str | None
    purpose: LinkPurpose
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordLinkService:
    """The use cases. Everything blocks."""

    store: LinkStore
    passwords: PasswordService
    settings: PasswordSettings
    clock: Clock

    # ------------------------------------------------------------ by an administrator
    def reset(self, user_id: int, *, caller: Caller, reason: str, if_match: int | None = None, show: bool = False) -> LinkGiven:
        """Keep somebody out until they have a new password, and mail them a link for it (S50); their sessions end.

        An administrator who does it to themselves is logged out at once (S70). `show`: the token comes back instead of a mail.
        Raises NotFoundError, DirectoryPasswordError, StateError (disabled), AboveCallerError, PreconditionFailedError.
        """
        text = reason_text(reason)
        owner = self._manageable(user_id, caller=caller)
        return self._give(owner, LinkPurpose.RESET, status="reset", caller=caller, show=show, reason=text, if_match=if_match)

    def invite(self, user_id: int, *, caller: Caller, show: bool = False) -> LinkGiven:
        """Mail somebody without a password the link with which they choose their first (S15), again if need be.

        Raises NotFoundError, DirectoryPasswordError, StateError (disabled, or has a password), AboveCallerError.
        """
        owner = self._manageable(user_id, caller=caller)
        if owner.hash is not None:
            raise StateError(f"{owner.name} has a password already", advice="Reset it instead.")
        return self._give(owner, LinkPurpose.INVITATION, status=None, caller=caller, show=show)

    # ------------------------------------------------------------ by anybody
    def forgot(self, name: str, *, caller: Caller) -> None:
        """Mail a link to whoever has this username or address, if they may have one; nobody is told whether it was so."""
        owner = self.passwords.store.owner_by_name(name)
        if owner is None or not owner.enabled or not Owners(self.settings).are_local(owner):
            log.info("forgotten password of nobody who may have a link", request_id=caller.request_id)
            return
        at = self.clock.now()
        request = self._request(LinkPurpose.RESET, at)
        mail = self._mail(owner, request, at=at, by="person")
        if mail is None:
            log.info("forgotten password, but no mail can be sent", user_id=owner.id, request_id=caller.request_id)
            return
        try:
            self.store.forgotten(owner.id, request, caller=replace(caller, name=caller.name or ANYBODY), at=at, mail=mail)
        except StoreError as error:
            # told to nobody: it would say that the name is known
            log.error("no link for a forgotten password", user_id=owner.id, code=error.code, message=error.message)

    def look(self, token: str) -> LinkView:
        """What a link is for; it stays good, as scanners of mail open every link. Raises LinkInvalidError."""
        link, owner = self._working(token)
        return LinkView(username=owner.username, purpose=link.purpose, expires_at=link.expires_at)

    def redeem(self, token: str, password: str, *, caller: Caller) -> None:
        """Set a password by a link. A password that is refused leaves the link as it was.

        Raises LinkInvalidError, WeakPasswordError.
        """
        link, owner = self._working(token)
        hashed = self.passwords.accepted(owner, password)
        at = self.clock.now()
        known = replace(caller, name=owner.username or owner.name, user_id=owner.id)
        mail = self.passwords.changed_mail(owner, by="person", at=at)
        self.store.redeem(link, hashed, keep=kept(self.settings), caller=known, at=at, mail=mail)

    # ------------------------------------------------------------ parts
    def _manageable(self, user_id: int, *, caller: Caller) -> PasswordOwner:
        owner = self.passwords.store.owner(user_id)
        if caller.user_id != user_id:
            self.passwords.ceiling.require_user(user_id, caller=caller)
        Owners(self.settings).require_local(owner)
        require_enabled(owner)
        return owner

    def _give(
        self,
        owner: PasswordOwner,
        purpose: LinkPurpose,
        *,
        status: str | None,
        caller: Caller,
        show: bool,
        reason: str | None = None,
        if_match: int | None = None,
    ) -> LinkGiven:
        at = self.clock.now()
        request = self._request(purpose, at)
        secret = new_secret() if show else None
        if secret is not None:
            request = replace(request, digest=digest(secret))
        mail = None if show else self._mail(owner, request, at=at, by="administrator")
        number = self.store.give(
            owner.id, request, status=status, caller=caller, at=at, mail=mail, reason=reason, if_match=if_match
        )
        token = None if secret is None else token_text(TokenKind.LINK, number, secret)
        return LinkGiven(user_id=owner.id, expires_at=request.expires_at, mailed=mail is not None, token=token)

    def _request(self, purpose: LinkPurpose, at: datetime) -> LinkRequest:
        invited = purpose is LinkPurpose.INVITATION
        lifetime = self.settings.invitation_lifetime if invited else self.settings.reset_lifetime
        return LinkRequest(purpose=purpose, expires_at=at + parse_duration(lifetime))

    def _mail(self, owner: PasswordOwner, request: LinkRequest, *, at: datetime, by: str) -> NewMail | None:
        """Without the link's number, which the store gives."""
        kind = MailKind.INVITATION if request.purpose is LinkPurpose.INVITATION else MailKind.PASSWORD_RESET
        return self.passwords.mailer.new(
            kind,
            user_id=owner.id,
            to=owner.email,
            name=owner.name,
            username=owner.username or "",
            at=time_text(at),
            expires=time_text(request.expires_at),
            by=by,
        )

    def _working(self, token: str) -> tuple[LinkFacts, PasswordOwner]:
        parsed = parse_token(token.strip())
        link = self.store.link(parsed.id) if parsed is not None and parsed.kind is TokenKind.LINK else None
        if parsed is None or link is None or link.digest is None:
            raise LinkInvalidError
        if not hmac.compare_digest(link.digest, digest(parsed.secret)) or not link.works(self.clock.now()):
            raise LinkInvalidError
        try:
            owner = self.passwords.store.owner(link.user_id)
        except NotFoundError as error:
            raise LinkInvalidError from error
        if not owner.enabled or not Owners(self.settings).are_local(owner):
            raise LinkInvalidError
        return link, owner


# the actor of what was asked for without logging in
ANYBODY = "anybody"
