"""The tables of logging in: local passwords, links, API keys, sessions, tries, and what keeps a user from being deleted.

No secret is ever stored: a password as its argon2 hash, everything else as the SHA-256 of 256 random bits.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table, Text, UniqueConstraint

from syncd.store.columns import AUTOINCREMENT, KEY_ONLY, metadata, row_id, user_id
from syncd.store.types import Id, Key, UtcTime

# newest per user counts; older ones are kept only as far as the password history goes
passwords = Table(
    "passwords",
    metadata,
    row_id(),
    user_id(index=True),
    Column("hash", Text, nullable=False),
    Column("set_at", UtcTime, nullable=False),
    **AUTOINCREMENT,
)

# invitations and password resets, sent by mail
links = Table(
    "links",
    metadata,
    row_id(),
    user_id(index=True),
    # "invitation" or "reset"
    Column("purpose", String(16), nullable=False),
    # of the secret, which whoever sends the mail makes; NULL until then
    Column("digest", LargeBinary),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("used_at", UtcTime),
    **AUTOINCREMENT,
)

api_keys = Table(
    "api_keys",
    metadata,
    row_id(),
    user_id(),
    Column("organization_id", Id, ForeignKey("organizations.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", UtcTime),
    Column("last_used_at", UtcTime),
    UniqueConstraint("user_id", "organization_id"),
    **AUTOINCREMENT,
)

sessions = Table(
    "sessions",
    metadata,
    row_id(),
    user_id(index=True),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False, index=True),
    Column("address", Text),
    Column("user_agent", Text),
    **AUTOINCREMENT,
)

# every try to log in; not audit events, since anybody can make them
login_attempts = Table(
    "login_attempts",
    metadata,
    row_id(),
    Column("at", UtcTime, nullable=False),
    # as it was typed, cut to a length
    Column("name", Text, nullable=False),
    # without a foreign key: the try outlives the user
    Column("user_id", Id),
    # "accepted", or the code of the refusal
    Column("outcome", Text, nullable=False),
    # that checked the password
    Column("directory", Text),
    Column("address", Text),
    Column("request_id", Text),
    **AUTOINCREMENT,
)
Index("ix_login_attempts_user_id_id", login_attempts.c.user_id, login_attempts.c.id)

# records of other systems that the user owns: while there is one, the user cannot be deleted
owned_records = Table(
    "owned_records",
    metadata,
    user_id(primary_key=True),
    Column("system", Key, primary_key=True),
    Column("reference", Key, primary_key=True),
    **KEY_ONLY,
)
