"""Indexes whose use does not grow with the number of orders: of running orders only, and of a client's by status.

Building the second one takes a second or two for each million orders, and orders wait meanwhile. On a larger table
build both before, under these names and with `CONCURRENTLY`, which is not possible in a transaction: then they stay.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # For the sweep, and to find out whether all orders of a day have ended.
    op.execute("""
        CREATE INDEX IF NOT EXISTS orders_running ON orders (id)
        WHERE status IN ('building', 'pending', 'routing', 'submitted')""")
    op.execute("CREATE INDEX IF NOT EXISTS orders_by_client_and_status ON orders (client_id, status, id)")
    op.execute("DROP INDEX orders_by_status")


def downgrade() -> None:
    op.execute("CREATE INDEX orders_by_status ON orders (status, id)")
    op.execute("DROP INDEX orders_running, orders_by_client_and_status")
