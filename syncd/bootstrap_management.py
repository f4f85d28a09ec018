"""The part of the composition root that wires the use cases of managing people, one function for each family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.accounts.managed import ManagedFields
from syncd.accounts.permissions import PermissionPolicy, policy
from syncd.clock import Clock
from syncd.directory import LdapAuthenticator, probe
from syncd.mapping.precedence import Precedence
from syncd.mapping.roles import RoleMap
from syncd.notify.post import SmtpPost
from syncd.notify.webhooks import HttpCourier
from syncd.services.access import AccessService
from syncd.services.actions import ActionService
from syncd.services.announcing import AnnouncingService
from syncd.services.avatars import AvatarService
from syncd.services.callers import CallerService
from syncd.services.ceiling import CeilingService
from syncd.services.check import CheckService
from syncd.services.events import EventService
from syncd.services.exports import ExportService, export_folder
from syncd.services.finding import FilterFinder
from syncd.services.first_admin import FirstAdministrator, first_place
from syncd.services.groups import GroupService
from syncd.services.hashing import Argon2Hasher
from syncd.services.keys import KeyService
from syncd.services.login import LoginService
from syncd.services.login_failures import LoginFailures
from syncd.services.mailing import MailSender
from syncd.services.mails import Mails
from syncd.services.management import Management
from syncd.services.organizations import OrganizationService
from syncd.services.password_age import PasswordAgeService
from syncd.services.password_links import PasswordLinkService
from syncd.services.password_rules import LocalPasswordRules
from syncd.services.passwords import PasswordService
from syncd.services.ports_directory import Directory
from syncd.services.ports_login import Authenticator
from syncd.services.relinking import LinkService
from syncd.services.roles import RoleService
from syncd.services.sessions import SessionService
from syncd.services.trail import TrailService
from syncd.services.units import UnitService
from syncd.services.userlists import UserListService
from syncd.services.users import UserService
from syncd.services.webhooks import WebhookService
from syncd.settings.duration import parse_duration
from syncd.settings.root import RootSettings
from syncd.store.access import SqlAccess
from syncd.store.actions import SqlActions
from syncd.store.announcing import SqlAnnouncing
from syncd.store.avatars import SqlAvatars
from syncd.store.callers import SqlCallers
from syncd.store.engine import Engine
from syncd.store.events import SqlEvents
from syncd.store.exports import SqlExports
from syncd.store.groups import SqlGroups
from syncd.store.idempotency import SqlIdempotency
from syncd.store.keys import SqlKeys
from syncd.store.links import SqlLinkStore
from syncd.store.logins import SqlLogins
from syncd.store.organizations import SqlOrganizations
from syncd.store.outbox import SqlOutbox
from syncd.store.owned_records import SqlRecords
from syncd.store.password_age import SqlPasswordAgeStore
from syncd.store.passwords import SqlPasswordStore
from syncd.store.permissions import SqlPermissions
from syncd.store.queries import Queries
from syncd.store.roles_write import SqlRoles
from syncd.store.sessions import SqlSessions
from syncd.store.trail import SqlTrail
from syncd.store.units import SqlUnits
from syncd.store.users_write import SqlUsers
from syncd.store.webhooks import SqlWebhooks

Family = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What more than one family works with."""

    settings: RootSettings
    engine: Engine
    clock: Clock
    queries: Queries
    policy: PermissionPolicy
    ceiling: CeilingService
    mails: Mails
    rules: LocalPasswordRules
    hasher: Argon2Hasher
    failures: LoginFailures


def open_management(
    settings: RootSettings,
    *,
    engine: Engine,
    clock: Clock,
    directories: Mapping[str, Directory],
    queries: Queries,
    links: LinkService,
) -> Management:
    """Wire all families on one store."""
    shared = _shared(settings, engine, clock, queries)
    passwords, users = _passwords(shared), _users(shared)
    return Management(
        idempotency=SqlIdempotency(engine),
        **users,
        **_lists(shared),
        **_structure(shared),
        **_login(shared),
        **passwords,
        **_actions(shared, links=links, passwords=passwords["password_links"], users=users["users"]),
        **_mail(shared),
        **_events(shared),
        checks=open_checks(settings, directories=directories),
    )


def _shared(settings: RootSettings, engine: Engine, clock: Clock, queries: Queries) -> _Shared:
    rules = policy(
        administrator_roles=settings.administrator_roles,
        operator_roles=settings.operator_roles,
        auditor_roles=settings.auditor_roles,
    )
    mails = Mails(settings=settings.mail, outbox=SqlOutbox(engine), clock=clock)
    return _Shared(
        settings=settings,
        engine=engine,
        clock=clock,
        queries=queries,
        policy=rules,
        ceiling=CeilingService(policy=rules, store=SqlPermissions(engine)),
        mails=mails,
        rules=LocalPasswordRules(settings.passwords),
        hasher=Argon2Hasher(settings.passwords),
        failures=LoginFailures(store=SqlLogins(engine), mailer=mails, settings=settings.login, clock=clock),
    )


def _users(shared: _Shared) -> Family:
    settings = shared.settings
    precedence = Precedence.of(settings.directories)
    managed = ManagedFields(precedence.order, precedence.fields)
    users = UserService(
        users=SqlUsers(shared.engine),
        records=SqlRecords(shared.engine),
        rules=shared.rules,
        hasher=shared.hasher,
        mailer=shared.mails,
        ceiling=shared.ceiling,
        managed=managed,
        custom_fields=settings.custom_fields,
        administrator_roles=settings.administrator_roles,
        invitation_lifetime=settings.passwords.invitation_lifetime,
        clock=shared.clock,
    )
    avatars = AvatarService(
        avatars=SqlAvatars(shared.engine),
        ceiling=shared.ceiling,
        managed=managed,
        max_size=settings.max_avatar,
        clock=shared.clock,
    )
    first = FirstAdministrator(users=users, defaults=first_place(settings.directories.values()))
    return {"users": users, "avatars": avatars, "first_administrator": first}


def _lists(shared: _Shared) -> Family:
    settings, clock = shared.settings, shared.clock
    lists = UserListService(
        store=shared.queries, export_fields=settings.export.fields, custom_fields=tuple(settings.custom_fields)
    )
    exports = ExportService(
        store=SqlExports(shared.engine),
        lists=lists,
        people=shared.queries,
        mailer=shared.mails,
        clock=clock,
        folder=export_folder(settings.export.folder, store_url=settings.store.url),
        kept=parse_duration(settings.export.kept),
    )
    trail = TrailService(
        store=SqlTrail(shared.engine),
        clock=clock,
        audit_kept=parse_duration(settings.history.audit),
        attempts_kept=parse_duration(settings.history.login_attempts),
    )
    return {"lists": lists, "exports": exports, "trail": trail}


def _structure(shared: _Shared) -> Family:
    settings, engine, clock = shared.settings, shared.engine, shared.clock
    roles = RoleService(
        roles=SqlRoles(engine),
        permissions_in_use=SqlPermissions(engine),
        identifiers_of=shared.queries.role_identifiers,
        ceiling=shared.ceiling,
        maps={name: RoleMap(each.roles.map, each.roles.default) for name, each in settings.directories.items()},
        administrator_roles=settings.administrator_roles,
        clock=clock,
    )
    organizations = OrganizationService(
        organizations=SqlOrganizations(engine),
        ceiling=shared.ceiling,
        administrator_roles=settings.administrator_roles,
        clock=clock,
    )
    return {
        "ceiling": shared.ceiling,
        "roles": roles,
        "groups": GroupService(groups=SqlGroups(engine), clock=clock),
        "organizations": organizations,
        "units": UnitService(units=SqlUnits(engine), clock=clock),
    }


def _login(shared: _Shared) -> Family:
    settings, engine, clock = shared.settings, shared.engine, shared.clock
    login = LoginService(
        store=SqlLogins(engine),
        failures=shared.failures,
        hasher=shared.hasher,
        authenticators=_authenticators(settings),
        settings=settings.login,
        passwords=settings.passwords,
        precedence=_precedence(settings),
        clock=clock,
    )
    return {
        "login": login,
        "login_failures": shared.failures,
        "sessions": SessionService(store=SqlSessions(engine), ceiling=shared.ceiling, settings=settings.login, clock=clock),
        "callers": CallerService(store=SqlCallers(engine), policy=shared.policy, settings=settings.login, clock=clock),
        "trusted_proxies": settings.http.trusted_proxies,
    }


def _authenticators(settings: RootSettings) -> dict[str, Authenticator]:
    """Who checks passwords in each directory."""
    timeout = parse_duration(settings.login.bind_timeout).total_seconds()
    return {
        name: LdapAuthenticator(name, directory, timeout=timeout, at_once=settings.login.binds_at_once)
        for name, directory in settings.directories.items()
    }


def _precedence(settings: RootSettings) -> dict[str, int]:
    """Which directory's password counts, of several that have the same person: as for their fields."""
    found = settings.directories.items()
    return {name: directory.link.precedence if directory.link else 100 for name, directory in found}


def _passwords(shared: _Shared) -> Family:
    settings, engine = shared.settings.passwords, shared.engine
    passwords = PasswordService(
        store=SqlPasswordStore(engine),
        rules=shared.rules,
        hasher=shared.hasher,
        mailer=shared.mails,
        counter=shared.failures,
        ceiling=shared.ceiling,
        settings=settings,
        clock=shared.clock,
    )
    links = PasswordLinkService(store=SqlLinkStore(engine), passwords=passwords, settings=settings, clock=shared.clock)
    age = PasswordAgeService(store=SqlPasswordAgeStore(engine), mailer=shared.mails, settings=settings)
    return {"passwords": passwords, "password_links": links, "password_age": age}


def _actions(shared: _Shared, *, links: LinkService, passwords: PasswordLinkService, users: UserService) -> Family:
    engine, clock = shared.engine, shared.clock
    longest = shared.settings.api_keys.max_lifetime
    actions = ActionService(
        store=SqlActions(engine, administrator_roles=shared.settings.administrator_roles),
        passwords=passwords,
        users=users,
        ceiling=shared.ceiling,
        links=links,
        finder=FilterFinder(lists=shared.queries),
        clock=clock,
    )
    keys = KeyService(
        store=SqlKeys(engine),
        ceiling=shared.ceiling,
        clock=clock,
        max_lifetime=None if longest is None else parse_duration(longest),
    )
    access = AccessService(store=SqlAccess(engine), policy=shared.policy, clock=clock)
    return {"actions": actions, "keys": keys, "access": access}


def _mail(shared: _Shared) -> Family:
    sender = open_mail_sender(shared.settings, outbox=SqlOutbox(shared.engine), clock=shared.clock)
    return {"mails": shared.mails, "mail_sender": sender}


def _events(shared: _Shared) -> Family:
    engine, clock = shared.engine, shared.clock
    events = EventService(store=SqlEvents(engine))
    webhooks = WebhookService(
        settings=shared.settings.webhooks, store=SqlWebhooks(engine), events=events, courier=HttpCourier(), clock=clock
    )
    announcing = AnnouncingService(store=SqlAnnouncing(engine), clock=clock)
    return {"events": events, "webhooks": webhooks, "announcing": announcing}


def open_mail_sender(settings: RootSettings, *, outbox: SqlOutbox, clock: Clock) -> MailSender | None:
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


def open_checks(settings: RootSettings, *, directories: Mapping[str, Directory]) -> CheckService:
    """The checks of directories."""
    return CheckService(
        settings=settings.directories, custom_fields=settings.custom_fields, directories=directories, probe=probe
    )
