"""The tables of logging in: local passwords, links, API keys, sessions, and what keeps a user from being deleted.

No secret is ever stored: a password as its argon2 hash, everything else as the SHA-256 of 256 random bits.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table, Text, UniqueConstraint

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
    Column("digest", LargeBinary, nullable=False, unique=True),
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
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("last_used_at", UtcTime),
    UniqueConstraint("user_id", "organization_id"),
    **AUTOINCREMENT,
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    user_id(index=True),
    Column("created_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    **KEY_ONLY,
)

# records of other systems that the user owns: while there is one, the user cannot be deleted
owned_records = Table(
    "owned_records",
    metadata,
    user_id(primary_key=True),
    Column("system", Key, primary_key=True),
    Column("reference", Key, primary_key=True),
    **KEY_ONLY,
)
