"""The first tables. As they were then: later changes of syncd.store.schema do not reach back here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_access()
    _create_audit_events()
    _create_directories()
    _create_grants()
    _create_groups()
    _create_memberships()
    _create_runs()
    _create_issues()
    _create_organizations()
    _create_role_identifiers()
    _create_organization_sources()
    _create_roles()
    _create_units()
    _create_role_permissions()
    _create_users()
    _create_api_keys()
    _create_group_members()
    _create_identities()
    _create_links()
    _create_owned_records()
    _create_passwords()
    _create_sessions()
    _create_user_avatars()
    _create_user_custom_fields()
    _create_user_emails()
    _create_user_tags()
    _create_dn_history()


def downgrade() -> None:
    for table in (
        "dn_history",
        "user_tags",
        "user_emails",
        "user_custom_fields",
        "user_avatars",
        "sessions",
        "passwords",
        "owned_records",
        "links",
        "identities",
        "group_members",
        "api_keys",
        "users",
        "role_permissions",
        "units",
        "roles",
        "organization_sources",
        "role_identifiers",
        "organizations",
        "issues",
        "runs",
        "memberships",
        "groups",
        "grants",
        "directories",
        "audit_events",
        "access",
    ):
        op.drop_table(table)


def _create_access() -> None:
    op.create_table(
        "access",
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("organization_id", ID, autoincrement=False, nullable=False),
        sa.Column("unit_id", ID, autoincrement=False, nullable=True),
        sa.Column("directory_id", ID, autoincrement=False, nullable=True),
        sa.UniqueConstraint("user_id", "directory_id", name="uq_access_user_id_directory_id"),
    )
    op.create_index(
        "uq_access_manual",
        "access",
        ["user_id", "organization_id", "unit_id"],
        unique=True,
        sqlite_where=sa.text("directory_id IS NULL AND unit_id IS NOT NULL"),
        postgresql_where=sa.text("directory_id IS NULL AND unit_id IS NOT NULL"),
    )
    op.create_index(
        "uq_access_manual_whole",
        "access",
        ["user_id", "organization_id"],
        unique=True,
        sqlite_where=sa.text("directory_id IS NULL AND unit_id IS NULL"),
        postgresql_where=sa.text("directory_id IS NULL AND unit_id IS NULL"),
    )


def _create_audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("run_id", ID, nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.String(length=16), nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("directory", sa.Text(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_events_subject", "audit_events", ["subject_id", "subject_type", "id"])


def _create_directories() -> None:
    op.create_table(
        "directories",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("relations_digest", sa.LargeBinary(), nullable=True),
        sa.Column("config_digest", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_directories"),
        sa.UniqueConstraint("name", name="uq_directories_name"),
        sqlite_autoincrement=True,
    )


def _create_grants() -> None:
    op.create_table(
        "grants",
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("role_id", ID, autoincrement=False, nullable=False),
        sa.Column("directory_id", ID, autoincrement=False, nullable=True),
        sa.UniqueConstraint("user_id", "role_id", "directory_id", name="uq_grants_user_id_role_id_directory_id"),
    )
    op.create_index(
        "uq_grants_manual",
        "grants",
        ["user_id", "role_id"],
        unique=True,
        sqlite_where=sa.text("directory_id IS NULL"),
        postgresql_where=sa.text("directory_id IS NULL"),
    )


def _create_groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", KEY, nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("name_key", name="uq_groups_name_key"),
        sqlite_autoincrement=True,
    )


def _create_memberships() -> None:
    op.create_table(
        "memberships",
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("role_identifier_id", ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "role_identifier_id", name="pk_memberships"),
        sqlite_with_rowid=False,
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("directory", KEY, nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("server", sa.Text(), nullable=True),
        sa.Column("entries_read", sa.Integer(), server_default="0", nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("advice", sa.Text(), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('queued', 'running', 'succeeded', 'partial', 'held', 'failed', 'abandoned')",
            name=op.f("ck_runs_outcome"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_runs_directory_id", "runs", ["directory", "id"])
    op.create_index(
        "uq_runs_queued",
        "runs",
        ["directory"],
        unique=True,
        sqlite_where=sa.text("outcome = 'queued'"),
        postgresql_where=sa.text("outcome = 'queued'"),
    )


def _create_issues() -> None:
    op.create_table(
        "issues",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("directory_id", ID, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("dn", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("opened_run_id", ID, nullable=False),
        sa.Column("closed_run_id", ID, nullable=True),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("closed_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["directory_id"], ["directories.id"], name="fk_issues_directory_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_issues"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_issues_open",
        "issues",
        ["directory_id", "subject", "key"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _create_organizations() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", KEY, nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("directory_id", ID, autoincrement=False, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["directory_id"], ["directories.id"], name="fk_organizations_directory_id", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
        sa.UniqueConstraint("name_key", name="uq_organizations_name_key"),
        sqlite_autoincrement=True,
    )


def _create_role_identifiers() -> None:
    op.create_table(
        "role_identifiers",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("directory_id", ID, autoincrement=False, nullable=False),
        sa.Column("external_key", KEY, nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("dn", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["directory_id"], ["directories.id"], name="fk_role_identifiers_directory_id", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_role_identifiers"),
        sa.UniqueConstraint("directory_id", "external_key", name="uq_role_identifiers_directory_id_external_key"),
        sqlite_autoincrement=True,
    )


def _create_organization_sources() -> None:
    op.create_table(
        "organization_sources",
        sa.Column("directory_id", ID, autoincrement=False, nullable=False),
        sa.Column("external_key", KEY, nullable=False),
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["directory_id"], ["directories.id"], name="fk_organization_sources_directory_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_organization_sources_organization_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("directory_id", "external_key", name="pk_organization_sources"),
        sa.UniqueConstraint("organization_id", "directory_id", name="uq_organization_sources_organization_id_directory_id"),
        sqlite_with_rowid=False,
    )


def _create_roles() -> None:
    op.create_table(
        "roles",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", KEY, nullable=False),
        sa.Column("organization_id", ID, nullable=True),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_roles_organization_id", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_roles"),
        sa.UniqueConstraint("name_key", name="uq_roles_name_key"),
        sqlite_autoincrement=True,
    )


def _create_units() -> None:
    op.create_table(
        "units",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("parent_id", ID, nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("directory_id", ID, autoincrement=False, nullable=True),
        sa.Column("external_key", KEY, nullable=True),
        sa.ForeignKeyConstraint(["directory_id"], ["directories.id"], name="fk_units_directory_id", ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_units_organization_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["parent_id"], ["units.id"], name="fk_units_parent_id", ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name="pk_units"),
        sa.UniqueConstraint("directory_id", "external_key", name="uq_units_directory_id_external_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_units_organization_id", "units", ["organization_id"])
    op.create_index("ix_units_parent_id", "units", ["parent_id"])


def _create_role_permissions() -> None:
    op.create_table(
        "role_permissions",
        sa.Column("role_id", ID, nullable=False),
        sa.Column("permission", KEY, nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name="fk_role_permissions_role_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("role_id", "permission", name="pk_role_permissions"),
        sqlite_with_rowid=False,
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("username_key", KEY, nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_key", KEY, nullable=True),
        sa.Column("prefix", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("middle_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("suffix", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("manual", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("break_glass", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("auth_status", sa.String(length=8), server_default="active", nullable=False),
        sa.Column("failed_logins", sa.Integer(), server_default="0", nullable=False),
        sa.Column("locked_at", TIME, nullable=True),
        sa.Column("last_login_at", TIME, nullable=True),
        sa.Column("login_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("owner_unit_id", ID, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("auth_status IN ('active', 'locked', 'reset', 'expired')", name=op.f("ck_users_auth_status")),
        sa.ForeignKeyConstraint(["owner_unit_id"], ["units.id"], name="fk_users_owner_unit_id", ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email_key", name="uq_users_email_key"),
        sa.UniqueConstraint("username_key", name="uq_users_username_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_users_owner_unit_id",
        "users",
        ["owner_unit_id"],
        unique=False,
        sqlite_where=sa.text("owner_unit_id IS NOT NULL"),
        postgresql_where=sa.text("owner_unit_id IS NOT NULL"),
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_api_keys_organization_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_keys_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("user_id", "organization_id", name="uq_api_keys_user_id_organization_id"),
        sqlite_autoincrement=True,
    )


def _create_group_members() -> None:
    op.create_table(
        "group_members",
        sa.Column("group_id", ID, nullable=False),
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_group_members_group_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_group_members_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "user_id", name="pk_group_members"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_group_members_user_id", "group_members", ["user_id"])


def _create_identities() -> None:
    op.create_table(
        "identities",
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("directory_id", ID, autoincrement=False, nullable=False),
        sa.Column("entry_id", KEY, nullable=False),
        sa.Column("dn", sa.Text(), nullable=False),
        sa.Column("dn_key", KEY, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("member_key", KEY, nullable=True),
        sa.Column("missing_since", TIME, nullable=True),
        sa.Column("missing_reason", sa.Text(), nullable=True),
        sa.Column("first_seen_at", TIME, nullable=False),
        sa.Column("dn_since", TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_identities_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "directory_id", name="pk_identities"),
        sa.UniqueConstraint("directory_id", "entry_id", name="uq_identities_directory_id_entry_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_identities_missing",
        "identities",
        ["directory_id", "missing_since"],
        unique=False,
        sqlite_where=sa.text("missing_since IS NOT NULL"),
        postgresql_where=sa.text("missing_since IS NOT NULL"),
    )


def _create_links() -> None:
    op.create_table(
        "links",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_links_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.UniqueConstraint("digest", name="uq_links_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_links_user_id", "links", ["user_id"])


def _create_owned_records() -> None:
    op.create_table(
        "owned_records",
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("system", KEY, nullable=False),
        sa.Column("reference", KEY, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_owned_records_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "system", "reference", name="pk_owned_records"),
        sqlite_with_rowid=False,
    )


def _create_passwords() -> None:
    op.create_table(
        "passwords",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("set_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_passwords_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_passwords"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_passwords_user_id", "passwords", ["user_id"])


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def _create_user_avatars() -> None:
    op.create_table(
        "user_avatars",
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_avatars_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_user_avatars"),
    )


def _create_user_custom_fields() -> None:
    op.create_table(
        "user_custom_fields",
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_custom_fields_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "name", name="pk_user_custom_fields"),
        sqlite_with_rowid=False,
    )


def _create_user_emails() -> None:
    op.create_table(
        "user_emails",
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_emails_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "position", name="pk_user_emails"),
        sqlite_with_rowid=False,
    )


def _create_user_tags() -> None:
    op.create_table(
        "user_tags",
        sa.Column("user_id", ID, autoincrement=False, nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_tags_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "position", name="pk_user_tags"),
        sqlite_with_rowid=False,
    )


def _create_dn_history() -> None:
    op.create_table(
        "dn_history",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("directory_id", ID, nullable=False),
        sa.Column("dn", sa.Text(), nullable=False),
        sa.Column("valid_from", TIME, nullable=False),
        sa.Column("valid_to", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "directory_id"],
            ["identities.user_id", "identities.directory_id"],
            name="fk_dn_history_user_id_directory_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_dn_history"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_dn_history_user_id_directory_id", "dn_history", ["user_id", "directory_id"])
