"""Where feeds stand, versions of entries, and what directories say of accounts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)

COLUMNS: dict[str, list[tuple[str, sa.types.TypeEngine[Any]]]] = {
    "identities": [
        ("version", sa.Text()),
        ("primary_group", KEY),
        ("link_key", KEY),
        ("account_disabled", sa.Boolean()),
        ("account_locked_until", TIME),
        ("account_valid_from", TIME),
        ("account_expires_at", TIME),
        ("account_password_must_change", sa.Boolean()),
        ("account_password_expires_at", TIME),
    ],
    "directories": [
        ("groups_version", sa.LargeBinary()),
        ("feed", sa.String(16)),
        ("cursor", sa.JSON(none_as_null=True)),
    ],
    "runs": [("feed", sa.String(16)), ("feed_reason", sa.Text())],
}


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.add_column("directories", sa.Column("cursor_version", sa.Integer(), server_default="0", nullable=False))
    where = sa.text("break_glass")
    op.create_index("ix_users_break_glass", "users", ["id"], sqlite_where=where, postgresql_where=where)
    where = sa.text("link_key IS NOT NULL")
    op.create_index("ix_identities_link_key", "identities", ["link_key"], sqlite_where=where, postgresql_where=where)
    where = sa.text("length(fingerprint) = 0")
    op.create_index("ix_identities_unsettled", "identities", ["directory_id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_identities_unsettled", table_name="identities")
    op.drop_index("ix_identities_link_key", table_name="identities")
    op.drop_index("ix_users_break_glass", table_name="users")
    op.drop_column("directories", "cursor_version")
    for table, columns in COLUMNS.items():
        for name, _ in columns:
            op.drop_column(table, name)
