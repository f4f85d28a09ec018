"""All families on one store."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.clock import Clock
from syncd.directory import probe
from syncd.services.bulk_links import BulkLinkService
from syncd.services.bulk_passwords import BulkPasswordService
from syncd.services.check import CheckService
from syncd.services.management import Management
from syncd.services.ports import Directory
from syncd.services.relinking import LinkService
from syncd.settings.root import RootSettings
from syncd.store.engine import Engine
from syncd.store.idempotency import SqlIdempotency
from syncd.store.outbox import SqlOutbox
from syncd.store.queries import Queries
from syncd.wiring import delivery, login, people, structure
from syncd.wiring.shared import shared


def open_management(
    settings: RootSettings,
    *,
    engine: Engine,
    clock: Clock,
    directories: Mapping[str, Directory],
    queries: Queries,
    links: LinkService,
) -> Management:
    """Wire them; nothing is connected."""
    common = shared(settings, engine=engine, clock=clock, queries=queries)
    users, lists, events = people.users(common), people.lists(common), delivery.events(common)
    passwords = login.passwords(common)
    password_links = login.password_links(common, passwords=passwords)
    actions = people.actions(common, links=links, lists=lists, passwords=password_links, users=users)
    return Management(
        idempotency=SqlIdempotency(engine),
        users=users,
        avatars=people.avatars(common),
        first_administrator=people.first_administrator(common, users=users),
        lists=lists,
        exports=people.exports(common, lists=lists),
        trail=people.trail(common),
        ceiling=common.ceiling,
        roles=structure.roles(common),
        groups=structure.groups(common),
        organizations=structure.organizations(common),
        units=structure.units(common),
        login=login.login(common),
        login_failures=common.failures,
        sessions=login.sessions(common),
        callers=login.callers(common),
        trusted_proxies=settings.http.trusted_proxies,
        passwords=passwords,
        password_links=password_links,
        password_age=login.password_age(common),
        bulk_passwords=BulkPasswordService(passwords=passwords),
        actions=actions,
        bulk_links=BulkLinkService(actions=actions, leases=links),
        keys=login.keys(common),
        access=people.access(common),
        mails=common.mails,
        mail_sender=delivery.mail_sender(settings, outbox=SqlOutbox(engine), clock=clock),
        checks=open_checks(settings, directories=directories),
        events=events,
        webhooks=delivery.webhooks(common, events=events),
        announcing=delivery.announcing(common),
    )


def open_checks(settings: RootSettings, *, directories: Mapping[str, Directory]) -> CheckService:
    """The checks of directories."""
    return CheckService(
        settings=settings.directories, custom_fields=settings.custom_fields, directories=directories, probe=probe
    )
