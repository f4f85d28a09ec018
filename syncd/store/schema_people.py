"""The tables of people: who they are, where they belong, and who they are in a directory.

Only what is looked up has an index: the first import writes six rows a person, and each index costs. Times are UTC.
`*_key` columns hold folded names (syncd.model.text.fold).

PostgreSQL checks a foreign key row by row, at about the price of writing the row itself. With every reference of `identities`,
`access`, `grants` and `memberships` declared, the server worked 2.5 times as long on an import (17.9 s against 7.3 s). So an
identity declares its person, and everything else in these four tables is named by number alone (`named`). Numbers are never
given twice, so a row that names nothing means nothing; there is none as long as whoever deletes what may be named deletes or
moves what names it in the same transaction (people: `syncd.store.purge.delete_users`), and `syncd db check` looks for them.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from syncd.store.columns import AUTOINCREMENT, KEY_ONLY, index_where, metadata, named, row_id, user_id
from syncd.store.types import Id, Key, UtcTime

users = Table(
    "users",
    metadata,
    row_id(),
    # the key is NULL when the name was released: the text says what it was, someone else has the name now
    Column("username", Text),
    Column("username_key", Key, unique=True),
    # the primary address; further ones are in user_emails
    Column("email", Text),
    Column("email_key", Key, unique=True),
    Column("prefix", Text),
    Column("first_name", Text),
    Column("middle_name", Text),
    Column("last_name", Text),
    Column("suffix", Text),
    Column("display_name", Text),
    Column("title", Text),
    Column("phone", Text),
    Column("birthday", Date),
    # made by hand: never written by a run
    Column("manual", Boolean, nullable=False, server_default=false()),
    # may log in with a local password while the directory is away
    Column("break_glass", Boolean, nullable=False, server_default=false()),
    # the administrator's switch; what directories say is in identities, so that clearing one never clears the other
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("auth_status", String(8), nullable=False, server_default="active"),
    Column("failed_logins", Integer, nullable=False, server_default="0"),
    Column("locked_at", UtcTime),
    Column("last_login_at", UtcTime),
    Column("login_count", Integer, nullable=False, server_default="0"),
    # the business unit that owns the user's row
    Column("owner_unit_id", Id, ForeignKey("units.id", ondelete="RESTRICT")),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    # one more with every change: the ETag
    Column("version", Integer, nullable=False, server_default="1"),
    # whether they could log in when that was last told to others (syncd.store.announce)
    Column("has_access", Boolean, nullable=False, server_default=false()),
    # for how many days before its end the password's expiry was last mailed
    Column("password_warned", Integer),
    CheckConstraint("auth_status IN ('active', 'locked', 'reset', 'expired')", name="auth_status"),
    **AUTOINCREMENT,
)
index_where("ix_users_break_glass", users, ("id",), condition="break_glass")
# the few that views look for
index_where("ix_users_disabled", users, ("id",), condition="NOT enabled")
index_where("ix_users_not_active", users, ("auth_status",), condition="auth_status <> 'active'")
index_where("ix_users_no_access", users, ("id",), condition="NOT has_access")
index_where("ix_users_manual", users, ("id",), condition="manual")
index_where("ix_users_last_login_at", users, ("last_login_at", "id"), condition="last_login_at IS NOT NULL")
index_where("ix_users_owner_unit_id", users, ("owner_unit_id",), condition="owner_unit_id IS NOT NULL")

user_emails = Table(
    "user_emails",
    metadata,
    user_id(primary_key=True),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("email", Text, nullable=False),
    **KEY_ONLY,
)

user_tags = Table(
    "user_tags",
    metadata,
    user_id(primary_key=True),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("tag", Text, nullable=False),
    **KEY_ONLY,
)

user_custom_fields = Table(
    "user_custom_fields",
    metadata,
    user_id(primary_key=True),
    # without the "custom." of PersonRecord.fields
    Column("name", Key, primary_key=True),
    # canonical JSON of the value, syncd.store.types.to_json
    Column("value", Text, nullable=False),
    **KEY_ONLY,
)

user_avatars = Table(
    "user_avatars",
    metadata,
    user_id(primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    # SHA-256 of the data, hexadecimal: the ETag
    Column("digest", Text, nullable=False),
)

# what people are looked for by, and lists by name are sorted by: syncd.store.searchrows
user_search = Table(
    "user_search",
    metadata,
    named("user_id", primary_key=True),
    Column("text", Key, nullable=False),
    # whose text it is stands in the index: lists by name go through that alone (in SQLite's indexes it always does)
    Index("ix_user_search_text", "text", postgresql_include=["user_id"]),
)

# access to an organization and, inside it, to a unit; none at all means no login. A directory gives one, hands any number
access = Table(
    "access",
    metadata,
    named("user_id"),
    named("organization_id"),
    named("unit_id", nullable=True),
    named("directory_id", nullable=True),
    UniqueConstraint("user_id", "directory_id"),
)
index_where(
    "uq_access_manual",
    access,
    ("user_id", "organization_id", "unit_id"),
    condition="directory_id IS NULL AND unit_id IS NOT NULL",
    unique=True,
)
index_where(
    "uq_access_manual_whole",
    access,
    ("user_id", "organization_id"),
    condition="directory_id IS NULL AND unit_id IS NULL",
    unique=True,
)

# ------------------------------------------------------------- who is who in a directory
identities = Table(
    "identities",
    metadata,
    user_id(primary_key=True),
    named("directory_id", primary_key=True),
    Column("entry_id", Key, nullable=False),
    Column("dn", Text, nullable=False),
    # the DN's normal form, syncd.model.dn
    Column("dn_key", Key, nullable=False),
    # PersonRecord.fingerprint
    Column("fingerprint", LargeBinary, nullable=False),
    # PersonRecord.member_key
    Column("member_key", Key),
    # PersonRecord.version, primary_group, link_key
    Column("version", Text),
    Column("primary_group", Key),
    Column("link_key", Key),
    # syncd.model.records.ACCOUNT_FIELDS
    Column("account_disabled", Boolean),
    Column("account_locked_until", UtcTime),
    Column("account_valid_from", UtcTime),
    Column("account_expires_at", UtcTime),
    Column("account_password_must_change", Boolean),
    Column("account_password_expires_at", UtcTime),
    # since when the directory no longer has the entry, by a complete verdict, and which run found it gone; NULL = present
    Column("missing_since", UtcTime),
    Column("missing_reason", Text),
    Column("first_seen_at", UtcTime, nullable=False),
    # since when it has this DN; earlier ones are in dn_history
    Column("dn_since", UtcTime, nullable=False),
    UniqueConstraint("directory_id", "entry_id"),
    **KEY_ONLY,
)
index_where("ix_identities_link_key", identities, ("link_key",), condition="link_key IS NOT NULL")
# whom a directory must map anew; nearly always empty
index_where("ix_identities_unsettled", identities, ("directory_id",), condition="length(fingerprint) = 0")
index_where("ix_identities_disabled", identities, ("user_id",), condition="account_disabled")
# what a purge looks for; empty on a healthy day, so that looking costs nothing
index_where("ix_identities_missing", identities, ("directory_id", "missing_since"), condition="missing_since IS NOT NULL")

# whom time alone lets in or keeps out (syncd.daemon.announcing)
for _time in ("locked_until", "valid_from", "expires_at", "password_expires_at"):
    _column = f"account_{_time}"
    index_where(f"ix_identities_{_column}", identities, (_column,), condition=f"{_column} IS NOT NULL")

# a row is written when a DN is replaced: most people never have one
dn_history = Table(
    "dn_history",
    metadata,
    row_id(),
    Column("user_id", Id, nullable=False),
    Column("directory_id", Id, nullable=False),
    Column("dn", Text, nullable=False),
    Column("valid_from", UtcTime, nullable=False),
    Column("valid_to", UtcTime, nullable=False),
    ForeignKeyConstraint(("user_id", "directory_id"), ("identities.user_id", "identities.directory_id"), ondelete="CASCADE"),
    Index(None, "user_id", "directory_id"),
    **AUTOINCREMENT,
)
