"""All tables under one name, and the MetaData they share: `from syncd.store import schema as t`, then `t.users.c.email`."""

from syncd.store.columns import metadata
from syncd.store.schema_delivery import exports, facts, idempotency_keys, outbox, webhooks
from syncd.store.schema_guard import held_plans, leases
from syncd.store.schema_journal import audit_events, issues, runs
from syncd.store.schema_login import api_keys, links, login_attempts, owned_records, passwords, sessions
from syncd.store.schema_people import (
    access,
    dn_history,
    identities,
    user_avatars,
    user_custom_fields,
    user_emails,
    user_search,
    user_tags,
    users,
)
from syncd.store.schema_roles import grants, group_members, groups, memberships, role_identifiers, role_permissions, roles
from syncd.store.schema_structure import directories, organization_sources, organizations, units

__all__ = [
    "access",
    "api_keys",
    "audit_events",
    "directories",
    "dn_history",
    "exports",
    "facts",
    "grants",
    "group_members",
    "groups",
    "held_plans",
    "idempotency_keys",
    "identities",
    "issues",
    "leases",
    "links",
    "login_attempts",
    "memberships",
    "metadata",
    "organization_sources",
    "organizations",
    "outbox",
    "owned_records",
    "passwords",
    "role_identifiers",
    "role_permissions",
    "roles",
    "runs",
    "sessions",
    "units",
    "user_avatars",
    "user_custom_fields",
    "user_emails",
    "user_search",
    "user_tags",
    "users",
    "webhooks",
]
