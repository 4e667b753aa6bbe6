"""Where alembic starts: it is lent a connection that is inside a transaction, and works in that."""

from __future__ import annotations

from alembic import context

from rostra.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    # Our transactions are real ones on SQLite too: a migration happens whole or not at all.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
