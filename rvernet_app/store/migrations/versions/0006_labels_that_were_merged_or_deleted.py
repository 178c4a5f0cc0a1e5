"""Labels that were merged or deleted, their units, and a version of each label set"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("project", sa.Column("labels_version", WHOLE, nullable=False, server_default="0"))
    op.add_column("label", sa.Column("unit", sa.String(20), nullable=True))
    op.add_column("label", sa.Column("removed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("label", sa.Column("into_id", WHOLE, nullable=True))


def downgrade() -> None:
    op.drop_column("label", "into_id")
    op.drop_column("label", "removed")
    op.drop_column("label", "unit")
    op.drop_column("project", "labels_version")
