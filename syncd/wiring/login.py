"""Logging in, sessions, passwords and keys."""

from __future__ import annotations

from syncd.directory import LdapAuthenticator
from syncd.services.callers import CallerService
from syncd.services.keys import KeyService
from syncd.services.login import LoginService
from syncd.services.password_age import PasswordAgeService
from syncd.services.password_links import PasswordLinkService
from syncd.services.passwords import PasswordService
from syncd.services.ports_login import Authenticator
from syncd.services.sessions import SessionService
from syncd.settings.duration import parse_duration
from syncd.settings.root import RootSettings
from syncd.store.callers import SqlCallers
from syncd.store.keys import SqlKeys
from syncd.store.links import SqlLinkStore
from syncd.store.logins import SqlLogins
from syncd.store.password_age import SqlPasswordAgeStore
from syncd.store.passwords import SqlPasswordStore
from syncd.store.sessions import SqlSessions
from syncd.wiring.shared import Shared


def login(shared: Shared) -> LoginService:
    """With a directory's password or a local one."""
    settings = shared.settings
    return LoginService(
        store=SqlLogins(shared.engine),
        failures=shared.failures,
        hasher=shared.hasher,
        authenticators=_authenticators(settings),
        settings=settings.login,
        passwords=settings.passwords,
        precedence={name: place for place, name in enumerate(shared.managed.order)},
        clock=shared.clock,
    )


def _authenticators(settings: RootSettings) -> dict[str, Authenticator]:
    """Who checks passwords in each directory."""
    timeout = parse_duration(settings.login.bind_timeout).total_seconds()
    return {
        name: LdapAuthenticator(name, directory, timeout=timeout, at_once=settings.login.binds_at_once)
        for name, directory in settings.directories.items()
    }


def sessions(shared: Shared) -> SessionService:
    """Listed and ended."""
    return SessionService(
        store=SqlSessions(shared.engine), ceiling=shared.ceiling, settings=shared.settings.login, clock=shared.clock
    )


def callers(shared: Shared) -> CallerService:
    """Who a token belongs to."""
    return CallerService(
        store=SqlCallers(shared.engine), policy=shared.policy, settings=shared.settings.login, clock=shared.clock
    )


def passwords(shared: Shared) -> PasswordService:
    """Changing local ones."""
    return PasswordService(
        store=SqlPasswordStore(shared.engine),
        rules=shared.rules,
        hasher=shared.hasher,
        mailer=shared.mails,
        counter=shared.failures,
        ceiling=shared.ceiling,
        settings=shared.settings.passwords,
        clock=shared.clock,
    )


def password_links(shared: Shared, *, passwords: PasswordService) -> PasswordLinkService:
    """Invitations and resets."""
    settings = shared.settings.passwords
    return PasswordLinkService(store=SqlLinkStore(shared.engine), passwords=passwords, settings=settings, clock=shared.clock)


def password_age(shared: Shared) -> PasswordAgeService:
    """What becomes too old."""
    return PasswordAgeService(store=SqlPasswordAgeStore(shared.engine), mailer=shared.mails, settings=shared.settings.passwords)


def keys(shared: Shared) -> KeyService:
    """API keys."""
    longest = shared.settings.api_keys.max_lifetime
    return KeyService(
        store=SqlKeys(shared.engine),
        ceiling=shared.ceiling,
        clock=shared.clock,
        max_lifetime=None if longest is None else parse_duration(longest),
    )
