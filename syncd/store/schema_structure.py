"""The tables of directories, and of the organizations and units that people belong to."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    true,
)

from syncd.store.columns import AUTOINCREMENT, KEY_ONLY, directory_id, metadata, row_id
from syncd.store.types import Id, Json, Key, UtcTime

directories = Table(
    "directories",
    metadata,
    row_id(),
    Column("name", Key, nullable=False, unique=True),
    # Plan.relations_digest of the last run that was applied whole; NULL while a run is being applied, or was cut off
    Column("relations_digest", LargeBinary),
    # of the configuration that the stored fingerprints were made with
    Column("config_digest", LargeBinary),
    # Plan.groups_version
    Column("groups_version", LargeBinary),
    # syncd.model.feed.Cursor: the feed and its position; and how often it was written
    Column("feed", String(16)),
    Column("cursor", Json),
    Column("cursor_version", Integer, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    **AUTOINCREMENT,
)

# ------------------------------------------------------------- organizations and units
organizations = Table(
    "organizations",
    metadata,
    row_id(),
    Column("name", Text, nullable=False),
    Column("name_key", Key, nullable=False, unique=True),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    # the directory that made it; others may use it too, see organization_sources
    directory_id(nullable=True),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    # one more with every change by hand: the ETag
    Column("version", Integer, nullable=False, server_default="1"),
    **AUTOINCREMENT,
)

# which directory calls an organization what: one that exists already, whoever made it, is used and not made twice
organization_sources = Table(
    "organization_sources",
    metadata,
    directory_id(primary_key=True),
    # OrganizationRecord.key
    Column("external_key", Key, primary_key=True),
    Column("organization_id", Id, ForeignKey("organizations.id", ondelete="CASCADE"), nullable=False),
    # as this directory spells it
    Column("name", Text, nullable=False),
    UniqueConstraint("organization_id", "directory_id"),
    **KEY_ONLY,
)

units = Table(
    "units",
    metadata,
    row_id(),
    Column("organization_id", Id, ForeignKey("organizations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("parent_id", Id, ForeignKey("units.id", ondelete="RESTRICT"), index=True),
    Column("name", Text, nullable=False),
    directory_id(nullable=True),
    # UnitRecord.key, NULL for a unit made by hand
    Column("external_key", Key),
    Column("version", Integer, nullable=False, server_default="1"),
    UniqueConstraint("directory_id", "external_key"),
    **AUTOINCREMENT,
)
