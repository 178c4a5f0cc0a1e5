"""Run by Alembic with the connection that `rvernet_app.store.database` hands it."""

from alembic import context

from rvernet_app.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot change a column in place
)
with context.begin_transaction():
    context.run_migrations()
