"""Alembic runs this to migrate the database behind the connection it is given."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, render_as_batch=connection.dialect.name == "sqlite")
context.run_migrations()  # inside the caller's transaction: all or nothing
