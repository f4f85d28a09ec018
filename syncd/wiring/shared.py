"""What more than one family of use cases works with."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.accounts.managed import ManagedFields
from syncd.accounts.permissions import PermissionPolicy, policy
from syncd.clock import Clock
from syncd.mapping.precedence import Precedence
from syncd.services.ceiling import CeilingService
from syncd.services.hashing import Argon2Hasher
from syncd.services.login_failures import LoginFailures
from syncd.services.mails import Mails
from syncd.services.password_rules import LocalPasswordRules
from syncd.settings.root import RootSettings
from syncd.store.engine import Engine
from syncd.store.logins import SqlLogins
from syncd.store.outbox import SqlOutbox
from syncd.store.permissions import SqlPermissions
from syncd.store.queries import Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Made once for a runtime."""

    settings: RootSettings
    engine: Engine
    clock: Clock
    queries: Queries
    policy: PermissionPolicy
    ceiling: CeilingService
    managed: ManagedFields
    mails: Mails
    rules: LocalPasswordRules
    hasher: Argon2Hasher
    failures: LoginFailures


def shared(settings: RootSettings, *, engine: Engine, clock: Clock, queries: Queries) -> Shared:
    """On one store."""
    rules = policy(
        administrator_roles=settings.administrator_roles,
        operator_roles=settings.operator_roles,
        auditor_roles=settings.auditor_roles,
    )
    precedence = Precedence.of(settings.directories)
    mails = Mails(settings=settings.mail, outbox=SqlOutbox(engine), clock=clock)
    return Shared(
        settings=settings,
        engine=engine,
        clock=clock,
        queries=queries,
        policy=rules,
        ceiling=CeilingService(policy=rules, store=SqlPermissions(engine)),
        managed=ManagedFields(precedence.order, precedence.fields),
        mails=mails,
        rules=LocalPasswordRules(settings.passwords),
        hasher=Argon2Hasher(settings.passwords),
        failures=LoginFailures(store=SqlLogins(engine), mailer=mails, settings=settings.login, clock=clock),
    )
