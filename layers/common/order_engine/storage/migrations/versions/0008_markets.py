"""The market in which an order is executed, and what its transaction really spent.

Orders from before this migration, and those that the version before still stores while it is replaced, are of the
simulated market, which spends the whole amount.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # A constant default: Postgres rewrites no row.
    op.execute("""
        ALTER TABLE orders
            ADD market text NOT NULL DEFAULT 'Simulated',
            ADD amount_spent numeric(20, 0) CHECK (amount_spent BETWEEN 0 AND amount_in)""")


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP amount_spent, DROP market")
