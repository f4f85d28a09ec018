"""Where feeds stand, versions of entries, and what directories say of accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)

COLUMNS: dict[str, list[sa.Column[object]]] = {
    "identities": [
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("primary_group", KEY, nullable=True),
        sa.Column("link_key", KEY, nullable=True),
        sa.Column("account_disabled", sa.Boolean(), nullable=True),
        sa.Column("account_locked_until", TIME, nullable=True),
        sa.Column("account_valid_from", TIME, nullable=True),
        sa.Column("account_expires_at", TIME, nullable=True),
        sa.Column("account_password_must_change", sa.Boolean(), nullable=True),
        sa.Column("account_password_expires_at", TIME, nullable=True),
    ],
    "directories": [
        sa.Column("groups_version", sa.LargeBinary(), nullable=True),
        sa.Column("feed", sa.String(16), nullable=True),
        sa.Column("cursor", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("cursor_version", sa.Integer(), server_default="0", nullable=False),
    ],
    "runs": [
        sa.Column("feed", sa.String(16), nullable=True),
        sa.Column("feed_reason", sa.Text(), nullable=True),
    ],
}


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for column in columns:
            op.add_column(table, column.copy())
    where = sa.text("link_key IS NOT NULL")
    op.create_index("ix_identities_link_key", "identities", ["link_key"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_identities_link_key", table_name="identities")
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
