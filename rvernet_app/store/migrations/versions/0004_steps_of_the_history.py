"""A name for each step of an annotator, so that its events are undone together"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event", sa.Column("step", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("event", "step")
