"""Members of projects with their roles, what reviewers have seen, and whether they may review themselves"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IMPORTED = "import"
"""Whose the foods of imports are unless somebody is named; nobody who logs in."""


def upgrade() -> None:
    op.create_table(
        "member",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("project_id", WHOLE, nullable=False),
        sa.Column("annotator_id", WHOLE, nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_member_project_id"),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_member_annotator_id"),
        sa.PrimaryKeyConstraint("id", name="pk_member"),
        sa.UniqueConstraint("project_id", "annotator_id", name="uq_member_project_id_annotator_id"),
    )
    op.create_index("ix_member_annotator_id", "member", ["annotator_id"])
    op.create_table(
        "sight",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("item_id", WHOLE, nullable=False),
        sa.Column("annotator_id", WHOLE, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_sight_item_id"),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_sight_annotator_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sight"),
        sa.UniqueConstraint("item_id", "annotator_id", name="uq_sight_item_id_annotator_id"),
    )
    op.create_index("ix_sight_annotator_id", "sight", ["annotator_id"])
    # Reviewers of the projects that are there could decide on their own foods so far, and still can.
    op.add_column(
        "project", sa.Column("self_review", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute(sa.update(sa.table("project", sa.column("self_review"))).values(self_review=sa.true()))
    _add_members(op.get_bind())


def _add_members(connection: sa.Connection) -> None:
    """Make all who worked on a project its annotators, and those who decided on foods its reviewers."""
    event = sa.table(
        "event",
        *(sa.column(name) for name in ("project_id", "annotator_id", "subject")),
        sa.column("before", sa.JSON),
        sa.column("after", sa.JSON),
    )
    annotator = sa.table("annotator", sa.column("id"), sa.column("name"))
    pair = event.c.project_id, event.c.annotator_id
    by_name = annotator.c.id == event.c.annotator_id
    worked = sa.select(*pair).join(annotator, by_name).where(event.c.project_id.is_not(None))
    worked = worked.where(annotator.c.name != IMPORTED).distinct()
    now, was = (columns["status"].as_string() for columns in (event.c.after, event.c.before))
    decided = worked.where(event.c.subject == "annotation", now.in_(("accepted", "rejected")))
    decided = decided.where(sa.or_(was.is_(None), was != now))
    reviewers = {tuple(row) for row in connection.execute(decided)}
    members = []
    for project_id, annotator_id in connection.execute(worked.order_by(*pair)):
        role = "reviewer" if (project_id, annotator_id) in reviewers else "annotator"
        members.append({"project_id": project_id, "annotator_id": annotator_id, "role": role})
    if members:
        columns = ("project_id", "annotator_id", "role")
        connection.execute(sa.insert(sa.table("member", *map(sa.column, columns))), members)


def downgrade() -> None:
    op.drop_column("project", "self_review")
    op.drop_index("ix_sight_annotator_id", "sight")
    op.drop_table("sight")
    op.drop_index("ix_member_annotator_id", "member")
    op.drop_table("member")
