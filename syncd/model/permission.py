"""What a caller may be allowed to do, by name."""

from __future__ import annotations

import enum


class Permission(enum.StrEnum):
    """Our own permissions. Roles may hold further names, for the systems that read the store; those mean nothing here."""

    # no token needed
    PUBLIC = "public"
    # anybody who has logged in, for what is their own
    SELF = "self"
    RUNS_READ = "runs:read"
    RUNS_WRITE = "runs:write"
    PLANS_READ = "plans:read"
    PLANS_DECIDE = "plans:decide"
    DIRECTORIES_CHECK = "directories:check"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    USERS_DELETE = "users:delete"
    # enable, disable, activate
    USERS_STATE = "users:state"
    # change and reset passwords, invite
    USERS_PASSWORD = "users:password"  # noqa: S105 - a name
    USERS_LINK = "users:link"
    SESSIONS_READ = "sessions:read"
    SESSIONS_END = "sessions:end"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    ROLES_READ = "roles:read"
    ROLES_WRITE = "roles:write"
    GROUPS_READ = "groups:read"
    GROUPS_WRITE = "groups:write"
    STRUCTURE_READ = "structure:read"
    STRUCTURE_WRITE = "structure:write"
    # records of other systems that a user owns
    RECORDS_WRITE = "records:write"
    # whether somebody can log in, and what they may do: what other systems ask
    ACCESS_READ = "access:read"
    AUDIT_READ = "audit:read"
    EVENTS_READ = "events:read"
    EXPORT = "users:export"
    # give up on a delivery that blocks a webhook
    WEBHOOKS_WRITE = "webhooks:write"
    MAIL_READ = "mail:read"
    # have mail sent again
    MAIL_WRITE = "mail:write"


# what needs no role
UNGRANTABLE = frozenset({Permission.PUBLIC, Permission.SELF})
OURS = frozenset(permission.value for permission in Permission) - UNGRANTABLE
# `operator_roles`: status and resync
OPERATOR = frozenset(
    {
        Permission.RUNS_READ,
        Permission.RUNS_WRITE,
        Permission.PLANS_READ,
        Permission.PLANS_DECIDE,
        Permission.DIRECTORIES_CHECK,
        Permission.MAIL_READ,
        Permission.MAIL_WRITE,
    }
)
# `auditor_roles`: everything that only reads
AUDITOR = frozenset(
    {
        Permission.RUNS_READ,
        Permission.PLANS_READ,
        Permission.USERS_READ,
        Permission.SESSIONS_READ,
        Permission.KEYS_READ,
        Permission.ROLES_READ,
        Permission.GROUPS_READ,
        Permission.STRUCTURE_READ,
        Permission.ACCESS_READ,
        Permission.AUDIT_READ,
        Permission.EVENTS_READ,
        Permission.EXPORT,
        Permission.MAIL_READ,
    }
)
