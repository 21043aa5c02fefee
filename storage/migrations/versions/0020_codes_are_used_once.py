"""A code of the second factor is good once; alarms name kinds of danger instead of her words."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("staff") as batch:
        batch.add_column(sa.Column("totp_step", sa.Integer(), nullable=False, server_default="0"))
    # What stood there were her own words, unsealed; no page ever showed them, and the messages hold them sealed.
    op.execute("UPDATE alarm SET detail = '' WHERE detail <> ''")
