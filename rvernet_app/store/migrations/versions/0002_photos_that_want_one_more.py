"""An index of the photos that someone has begun and that want an annotator more"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

HALF = sa.text("taken > 0 AND taken < wanted")


def upgrade() -> None:
    op.create_index("ix_item_half", "item", ["project_id", "id"], sqlite_where=HALF, postgresql_where=HALF)


def downgrade() -> None:
    op.drop_index("ix_item_half", "item")
