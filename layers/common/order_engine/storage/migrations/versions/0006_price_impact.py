"""How far an order may move the price.

Orders from before this migration, and those that the version before still stores while it is replaced, have no limit.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # A constant default: Postgres rewrites no row.
    op.execute("""
        ALTER TABLE orders ADD max_price_impact_bps integer NOT NULL DEFAULT 10000
            CHECK (max_price_impact_bps BETWEEN 0 AND 10000)""")


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP max_price_impact_bps")
