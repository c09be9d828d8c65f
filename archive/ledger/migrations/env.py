"""Alembic's entry: run the migrations on the connection that `archive.ledger.migrate` holds."""

from alembic import context

from archive.ledger.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    transactional_ddl=False,
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
