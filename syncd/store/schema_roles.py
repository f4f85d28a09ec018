"""The tables of what people may do: roles, groups, grants, and what directories call a role.

`grants` and `memberships` name what they are about by number alone: syncd.store.schema_people says why.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from syncd.store.columns import AUTOINCREMENT, KEY_ONLY, directory_id, index_where, metadata, named, row_id, user_id
from syncd.store.types import Id, Key, UtcTime

roles = Table(
    "roles",
    metadata,
    row_id(),
    Column("name", Text, nullable=False),
    Column("name_key", Key, nullable=False, unique=True),
    # NULL: a system-wide role; else only for people with access to that organization
    Column("organization_id", Id, ForeignKey("organizations.id", ondelete="RESTRICT")),
    Column("description", Text, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    # one more with every change: the ETag
    Column("version", Integer, nullable=False, server_default="1"),
    **AUTOINCREMENT,
)

role_permissions = Table(
    "role_permissions",
    metadata,
    Column("role_id", Id, ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True),
    Column("permission", Key, primary_key=True),
    **KEY_ONLY,
)

groups = Table(
    "groups",
    metadata,
    row_id(),
    Column("name", Text, nullable=False),
    Column("name_key", Key, nullable=False, unique=True),
    Column("description", Text, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    **AUTOINCREMENT,
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", Id, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
    user_id(primary_key=True, index=True),
    **KEY_ONLY,
)

# who has which role, and from whom: the same role may come from several sources, and goes with the last of them
grants = Table(
    "grants",
    metadata,
    named("user_id"),
    named("role_id"),
    named("directory_id", nullable=True),
    UniqueConstraint("user_id", "role_id", "directory_id"),
)
index_where("uq_grants_manual", grants, ("user_id", "role_id"), condition="directory_id IS NULL", unique=True)

role_identifiers = Table(
    "role_identifiers",
    metadata,
    row_id(),
    directory_id(),
    # RoleIdentifierRecord.key
    Column("external_key", Key, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("dn", Text),
    UniqueConstraint("directory_id", "external_key"),
    **AUTOINCREMENT,
)

# who has which role identifier, nesting resolved
memberships = Table(
    "memberships",
    metadata,
    named("user_id", primary_key=True),
    named("role_identifier_id", primary_key=True),
    **KEY_ONLY,
)
