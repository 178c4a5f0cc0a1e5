"""An index of the foods of a label that one annotator has, in the queue's order"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = ["project_id", "annotator_id", "label_id", "item_id", "status"]
    op.create_index("ix_annotation_mine", "annotation", columns)


def downgrade() -> None:
    op.drop_index("ix_annotation_mine", "annotation")
