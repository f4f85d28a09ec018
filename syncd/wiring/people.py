"""Users, their pictures, what is done to them, and lists of them."""

from __future__ import annotations

from syncd.services.access import AccessService
from syncd.services.actions import ActionService
from syncd.services.avatars import AvatarService
from syncd.services.exports import ExportService, export_folder
from syncd.services.finding import FilterFinder
from syncd.services.first_admin import FirstAdministrator, first_place
from syncd.services.password_links import PasswordLinkService
from syncd.services.relinking import LinkService
from syncd.services.trail import TrailService
from syncd.services.userlists import UserListService
from syncd.services.users import UserService
from syncd.settings.duration import parse_duration
from syncd.store.access import SqlAccess
from syncd.store.actions import SqlActions
from syncd.store.avatars import SqlAvatars
from syncd.store.exports import SqlExports
from syncd.store.owned_records import SqlRecords
from syncd.store.trail import SqlTrail
from syncd.store.users_write import SqlUsers
from syncd.wiring.shared import Shared


def users(shared: Shared) -> UserService:
    """Create, edit and delete."""
    settings = shared.settings
    return UserService(
        users=SqlUsers(shared.engine),
        records=SqlRecords(shared.engine),
        rules=shared.rules,
        hasher=shared.hasher,
        mailer=shared.mails,
        ceiling=shared.ceiling,
        managed=shared.managed,
        custom_fields=settings.custom_fields,
        administrator_roles=settings.administrator_roles,
        invitation_lifetime=settings.passwords.invitation_lifetime,
        clock=shared.clock,
    )


def first_administrator(shared: Shared, *, users: UserService) -> FirstAdministrator:
    """`syncd users create-admin`."""
    return FirstAdministrator(users=users, defaults=first_place(shared.settings.directories.values()))


def avatars(shared: Shared) -> AvatarService:
    """Pictures."""
    return AvatarService(
        avatars=SqlAvatars(shared.engine),
        ceiling=shared.ceiling,
        managed=shared.managed,
        max_size=shared.settings.max_avatar,
        clock=shared.clock,
    )


def actions(
    shared: Shared, *, links: LinkService, lists: UserListService, passwords: PasswordLinkService, users: UserService
) -> ActionService:
    """Enable, disable, activate, reset, delete."""
    return ActionService(
        store=SqlActions(shared.engine, administrator_roles=shared.settings.administrator_roles),
        passwords=passwords,
        users=users,
        ceiling=shared.ceiling,
        links=links,
        finder=FilterFinder(lists=lists),
        clock=shared.clock,
    )


def access(shared: Shared) -> AccessService:
    """Who may do what."""
    return AccessService(store=SqlAccess(shared.engine), policy=shared.policy, clock=shared.clock)


def lists(shared: Shared) -> UserListService:
    """Filters, search, views."""
    settings = shared.settings
    return UserListService(
        store=shared.queries,
        export_fields=settings.export.fields,
        custom_fields=settings.custom_fields,
        directories=settings.directories,
    )


def exports(shared: Shared, *, lists: UserListService) -> ExportService:
    """Exports as jobs."""
    settings = shared.settings
    return ExportService(
        store=SqlExports(shared.engine),
        lists=lists,
        people=shared.queries,
        mailer=shared.mails,
        clock=shared.clock,
        folder=export_folder(settings.export.folder, store_url=settings.store.url),
        kept=parse_duration(settings.export.kept),
    )


def trail(shared: Shared) -> TrailService:
    """The audit trail and login attempts."""
    history = shared.settings.history
    return TrailService(
        store=SqlTrail(shared.engine),
        clock=shared.clock,
        audit_kept=parse_duration(history.audit),
        attempts_kept=parse_duration(history.login_attempts),
    )
