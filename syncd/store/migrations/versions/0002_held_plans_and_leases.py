"""Plans that the guard holds, the epochs of leases, and what a run's record says of its verdict and its plan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
STATES = "'held', 'approved', 'applied', 'rejected', 'superseded', 'expired'"


def upgrade() -> None:
    op.add_column("runs", sa.Column("verdict", sa.String(16), nullable=True))
    op.add_column("runs", sa.Column("plan_id", ID, nullable=True))
    op.create_table(
        "leases",
        sa.Column("directory", KEY, nullable=False),
        sa.Column("epoch", ID, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("taken_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("directory", name=op.f("pk_leases")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "held_plans",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("directory", KEY, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("objections", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("counts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("decided_at", TIME, nullable=True),
        sa.Column("decided_by", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_held_plans_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_plans")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_held_plans_directory_id", "held_plans", ["directory", "id"])
    op.create_index(
        "uq_held_plans_open",
        "held_plans",
        ["directory"],
        unique=True,
        sqlite_where=sa.text("state IN ('held', 'approved')"),
        postgresql_where=sa.text("state IN ('held', 'approved')"),
    )


def downgrade() -> None:
    op.drop_table("held_plans")
    op.drop_table("leases")
    op.drop_column("runs", "plan_id")
    op.drop_column("runs", "verdict")
