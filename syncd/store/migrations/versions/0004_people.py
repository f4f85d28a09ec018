"""What managing people needs: links, keys and sessions in their last form, login attempts, mail, exports, webhooks."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from syncd.store.searchrows import SEARCHED, search_text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True)
NEW = ("facts", "idempotency_keys", "webhooks", "exports", "outbox", "login_attempts", "sessions", "api_keys", "links")
# table, column, condition -> index
PARTIAL = {
    ("users", "id", "NOT enabled"): "ix_users_disabled",
    ("users", "auth_status", "auth_status <> 'active'"): "ix_users_not_active",
    ("users", "id", "NOT has_access"): "ix_users_no_access",
    ("users", "id", "manual"): "ix_users_manual",
    ("identities", "user_id", "account_disabled"): "ix_identities_disabled",
}
_SEARCH = sa.table("user_search", sa.column("user_id"), sa.column("text"))
_UNSEARCHED = sa.text(
    f"SELECT id, {', '.join(SEARCHED)} FROM users "  # noqa: S608 - names of columns
    "WHERE NOT EXISTS (SELECT 1 FROM user_search AS s WHERE s.user_id = users.id) ORDER BY id LIMIT 5000"
)
TIMES = ("account_locked_until", "account_valid_from", "account_expires_at", "account_password_expires_at")
# the login gate as it was when this was written
ACCESS = """
UPDATE users SET has_access = TRUE
WHERE enabled AND auth_status = 'active'
AND (manual OR NOT EXISTS (
    SELECT 1 FROM identities AS i WHERE i.user_id = users.id AND (
        i.missing_since IS NOT NULL OR i.account_disabled OR i.account_locked_until > :now OR i.account_valid_from > :now
        OR i.account_expires_at <= :now OR i.account_password_must_change OR i.account_password_expires_at <= :now)))
AND EXISTS (SELECT 1 FROM access AS a JOIN organizations AS o ON o.id = a.organization_id
    WHERE a.user_id = users.id AND o.enabled)
AND EXISTS (SELECT 1 FROM access AS a JOIN units ON units.id = a.unit_id WHERE a.user_id = users.id)
"""
VERSIONED = ("roles", "groups", "organizations", "units")


def _id() -> sa.Column[int]:
    return sa.Column("id", ID, sa.Identity(), nullable=False)


def _user(table: str, *, nullable: bool = False) -> list[sa.schema.SchemaItem]:
    return [sa.Column("user_id", ID, autoincrement=False, nullable=nullable), _foreign(table, "user_id", "users.id")]


def _foreign(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE")


def _pk(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def upgrade() -> None:
    op.add_column("users", sa.Column("has_access", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("users", sa.Column("password_warned", sa.Integer(), nullable=True))
    for table in VERSIONED:
        op.add_column(table, sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    # nothing has ever written these three
    for table in ("links", "api_keys", "sessions"):
        op.drop_table(table)
    _credentials()
    _journals()
    for name in TIMES:
        where = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_identities_{name}", "identities", [name], sqlite_where=where, postgresql_where=where)
    # who can log in now: nothing of it was told to anybody so far
    op.execute(sa.text(ACCESS).bindparams(sa.bindparam("now", datetime.now(UTC), TIME)))
    _lists()


def _credentials() -> None:
    op.create_table(
        "links",
        _id(),
        *_user("links"),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        _pk("links", "id"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_links_user_id"), "links", ["user_id"])
    op.create_table(
        "api_keys",
        _id(),
        *_user("api_keys"),
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("last_used_at", TIME, nullable=True),
        _foreign("api_keys", "organization_id", "organizations.id"),
        sa.UniqueConstraint("user_id", "organization_id", name=op.f("uq_api_keys_user_id_organization_id")),
        _pk("api_keys", "id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sessions",
        _id(),
        *_user("sessions"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        _pk("sessions", "id"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"])
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"])


def _journals() -> None:
    op.create_table(
        "login_attempts",
        _id(),
        sa.Column("at", TIME, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("directory", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        _pk("login_attempts", "id"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_login_attempts_user_id_id"), "login_attempts", ["user_id", "id"])
    op.create_table(
        "outbox",
        _id(),
        sa.Column("kind", sa.String(32), nullable=False),
        *_user("outbox", nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("link_id", ID, nullable=True),
        sa.Column("state", sa.String(16), server_default="queued", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("sent_at", TIME, nullable=True),
        _pk("outbox", "id"),
        sqlite_autoincrement=True,
    )
    where = sa.text("state = 'queued'")
    op.create_index("ix_outbox_due", "outbox", ["due_at"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "exports",
        _id(),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("request", JSON, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("rows", ID, nullable=True),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        _pk("exports", "id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhooks",
        sa.Column("name", KEY, nullable=False),
        sa.Column("position", ID, nullable=False),
        sa.Column("tried_through", ID, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", TIME, nullable=True),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("delivered_at", TIME, nullable=True),
        _pk("webhooks", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", KEY, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", JSON, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        _pk("idempotency_keys", "caller", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"])
    op.create_table(
        "facts",
        sa.Column("name", KEY, nullable=False),
        sa.Column("value", JSON, nullable=True),
        _pk("facts", "name"),
        sqlite_with_rowid=False,
    )


def _lists() -> None:
    """What lists and searches of people need."""
    for (table, column, condition), name in PARTIAL.items():
        where = sa.text(condition)
        op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)
    where = sa.text("last_login_at IS NOT NULL")
    columns = ["last_login_at", "id"]
    op.create_index("ix_users_last_login_at", "users", columns, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "user_search",
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("text", KEY, nullable=False),
        _pk("user_search", "user_id"),
    )
    op.create_index(op.f("ix_user_search_text"), "user_search", ["text"], postgresql_include=["user_id"])
    connection = op.get_bind()
    while rows := connection.execute(_UNSEARCHED).all():
        op.bulk_insert(_SEARCH, [{"user_id": id_, "text": search_text(values)} for id_, *values in rows])


def downgrade() -> None:
    op.drop_table("user_search")
    op.drop_index("ix_users_last_login_at", table_name="users")
    for (table, _, _), name in PARTIAL.items():
        op.drop_index(name, table_name=table)
    for name in TIMES:
        op.drop_index(f"ix_identities_{name}", table_name="identities")
    for table in (
        "facts",
        "idempotency_keys",
        "webhooks",
        "exports",
        "outbox",
        "login_attempts",
        "sessions",
        "api_keys",
        "links",
    ):
        op.drop_table(table)
    _former_credentials()
    for table in VERSIONED:
        op.drop_column(table, "version")
    op.drop_column("users", "password_warned")
    op.drop_column("users", "has_access")


def _former_credentials() -> None:
    op.create_table(
        "links",
        _id(),
        *_user("links"),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        _pk("links", "id"),
        sa.UniqueConstraint("digest", name=op.f("uq_links_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_links_user_id"), "links", ["user_id"])
    op.create_table(
        "api_keys",
        _id(),
        *_user("api_keys"),
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
        _foreign("api_keys", "organization_id", "organizations.id"),
        _pk("api_keys", "id"),
        sa.UniqueConstraint("user_id", "organization_id", name=op.f("uq_api_keys_user_id_organization_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        *_user("sessions"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        _pk("sessions", "digest"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"])
