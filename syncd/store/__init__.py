"""The SQL store: the only importer of sqlalchemy, alembic and psycopg."""
