"""Run by Alembic for each command: migrates over the connection that syncd.store.migrate hands in."""

from alembic import context

from syncd.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter a table: Alembic copies it instead
    render_as_batch=True,
    # the caller's transaction is the only one
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
