"""The tables of what goes out: mail, exports, events to webhooks; and of requests that may be repeated."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from syncd.store.columns import AUTOINCREMENT, KEY_ONLY, index_where, metadata, row_id
from syncd.store.types import Id, Json, Key, UtcTime

# mail to be sent: written in the transaction of what it tells of, and sent by whoever claims it
outbox = Table(
    "outbox",
    metadata,
    row_id(),
    # syncd.model.mail.NewMail
    Column("kind", String(32), nullable=False),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), autoincrement=False),
    Column("recipient", Text, nullable=False),
    Column("data", Json, nullable=False),
    Column("link_id", Id),
    # "queued", "sent", "failed" (given up)
    Column("state", String(16), nullable=False, server_default="queued"),
    Column("created_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("claimed_until", UtcTime),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("last_error", Text),
    Column("sent_at", UtcTime),
    **AUTOINCREMENT,
)
index_where("ix_outbox_due", outbox, ("due_at",), condition="state = 'queued'")

exports = Table(
    "exports",
    metadata,
    row_id(),
    # "queued", "running", "finished", "failed"
    Column("state", String(16), nullable=False),
    Column("format", String(16), nullable=False),
    # filter, view, fields
    Column("request", Json, nullable=False),
    # whom it is for
    Column("user_id", Id),
    Column("created_by", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("claimed_until", UtcTime),
    Column("finished_at", UtcTime),
    Column("expires_at", UtcTime),
    Column("rows", Id),
    Column("file", Text),
    Column("error", Text),
    **AUTOINCREMENT,
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("name", Key, primary_key=True),
    # syncd.model.events.Event.position of the last event that was delivered or passed over
    Column("position", Id, nullable=False),
    # of the last event of the delivery that was tried: it is repeated as it was
    Column("tried_through", Id),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("next_try_at", UtcTime),
    Column("claimed_until", UtcTime),
    Column("last_error", Text),
    Column("delivered_at", UtcTime),
    **KEY_ONLY,
)

# what was answered to a creation, so that its repetition is answered alike
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", Key, primary_key=True),
    Column("key", Key, primary_key=True),
    # of method, path and body
    Column("request_digest", LargeBinary, nullable=False),
    # NULL while the first one is at work
    Column("status", Integer),
    Column("headers", Json),
    # NULL for an answer that held a secret
    Column("body", LargeBinary),
    Column("created_at", UtcTime, nullable=False, index=True),
    **KEY_ONLY,
)

# single facts about the store: what was pruned up to where
facts = Table("facts", metadata, Column("name", Key, primary_key=True), Column("value", Json), **KEY_ONLY)
