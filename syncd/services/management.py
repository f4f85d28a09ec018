"""The use cases of managing people, side by side: what the CLI and the API are given.

One line for each family; `syncd.wiring` makes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from syncd.services.access import AccessService
from syncd.services.actions import ActionService
from syncd.services.announcing import AnnouncingService
from syncd.services.avatars import AvatarService
from syncd.services.bulk_links import BulkLinkService
from syncd.services.bulk_passwords import BulkPasswordService
from syncd.services.callers import CallerService
from syncd.services.ceiling import CeilingService
from syncd.services.check import CheckService
from syncd.services.events import EventService
from syncd.services.exports import ExportService
from syncd.services.first_admin import FirstAdministrator
from syncd.services.groups import GroupService
from syncd.services.keys import KeyService
from syncd.services.login import LoginService
from syncd.services.login_failures import LoginFailures
from syncd.services.mailing import MailSender
from syncd.services.mails import Mails
from syncd.services.organizations import OrganizationService
from syncd.services.password_age import PasswordAgeService
from syncd.services.password_links import PasswordLinkService
from syncd.services.passwords import PasswordService
from syncd.services.ports_people import Idempotency
from syncd.services.roles import RoleService
from syncd.services.sessions import SessionService
from syncd.services.trail import TrailService
from syncd.services.units import UnitService
from syncd.services.userlists import UserListService
from syncd.services.users import UserService
from syncd.services.webhooks import WebhookService


@dataclass(frozen=True, slots=True, kw_only=True)
class Management:
    """Every family of use cases about people."""

    # requests that are repeated
    idempotency: Idempotency

    # users
    users: UserService
    avatars: AvatarService
    first_administrator: FirstAdministrator

    # lists, exports, audit
    lists: UserListService
    exports: ExportService
    trail: TrailService

    # roles, groups, organizations, units
    ceiling: CeilingService
    roles: RoleService
    groups: GroupService
    organizations: OrganizationService
    units: UnitService

    # login, sessions, callers
    login: LoginService
    login_failures: LoginFailures
    sessions: SessionService
    callers: CallerService
    # `http.trusted_proxies`
    trusted_proxies: Sequence[str]

    # passwords
    passwords: PasswordService
    password_links: PasswordLinkService
    password_age: PasswordAgeService
    bulk_passwords: BulkPasswordService

    # actions, keys, access
    actions: ActionService
    bulk_links: BulkLinkService
    keys: KeyService
    access: AccessService

    # mail, checks
    mails: Mails
    # None: no mail is configured
    mail_sender: MailSender | None
    checks: CheckService

    # events, webhooks
    events: EventService
    webhooks: WebhookService
    announcing: AnnouncingService
