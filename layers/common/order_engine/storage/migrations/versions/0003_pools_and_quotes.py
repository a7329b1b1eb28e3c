"""Quotes without an order."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE quotes (
            id           uuid PRIMARY KEY,
            client_id    uuid NOT NULL REFERENCES clients,
            slippage_bps integer NOT NULL,
            quote        jsonb NOT NULL,
            decision     jsonb NOT NULL,
            created_at   timestamptz NOT NULL DEFAULT now()
        )""")
    op.execute("CREATE INDEX quotes_by_age ON quotes (created_at)")
    op.execute("ALTER TABLE orders ADD quote_id uuid REFERENCES quotes")
    op.execute("CREATE INDEX orders_by_quote ON orders (quote_id) WHERE quote_id IS NOT NULL")
    # The simulated market's tables were part of this history once. Those of then had another shape; today's are made by
    # the migrations of order_engine.simulation, and stay if they are there.
    op.execute("""
        DO $$ BEGIN
            IF to_regclass('simulation_version') IS NULL THEN
                DROP TABLE IF EXISTS market_pools, market_transactions, market_faults;
            END IF;
        END $$""")


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP quote_id")
    op.execute("DROP TABLE quotes")
