"""How many runs an order has had, which names its executions."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN runs integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP COLUMN runs")
