"""Pools of every kind, quotes without an order, and faults that strike at times."""

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
    # The simulated market starts anew: its pools were of another kind.
    op.execute("DROP TABLE market_pools, market_transactions")
    op.execute("""
        CREATE TABLE market_pools (
            id      text PRIMARY KEY,
            venue   text NOT NULL,
            token_a text NOT NULL,
            token_b text NOT NULL,
            kind    text NOT NULL,
            state   json NOT NULL,
            version bigint NOT NULL DEFAULT 0,
            period  bigint NOT NULL DEFAULT 0
        )""")
    op.execute("""
        CREATE TABLE market_transactions (
            signature  text PRIMARY KEY,
            position   bigint GENERATED ALWAYS AS IDENTITY,
            slot       bigint NOT NULL,
            landed_at  bigint NOT NULL,
            amount_in  numeric(20, 0) NOT NULL,
            amount_out numeric(20, 0) NOT NULL,
            swapped    boolean NOT NULL,
            swaps      json NOT NULL
        )""")
    op.execute("ALTER TABLE market_faults ADD percent integer NOT NULL DEFAULT 100 CHECK (percent BETWEEN 1 AND 100)")


def downgrade() -> None:
    op.execute("ALTER TABLE market_faults DROP percent")
    op.execute("DROP TABLE market_pools, market_transactions")
    op.execute("""
        CREATE TABLE market_pools (
            venue     text NOT NULL,
            token_a   text NOT NULL,
            token_b   text NOT NULL,
            reserve_a numeric(40, 0) NOT NULL CHECK (reserve_a > 0),
            reserve_b numeric(40, 0) NOT NULL CHECK (reserve_b > 0),
            fee_bps   integer NOT NULL,
            PRIMARY KEY (venue, token_a, token_b)
        )""")
    op.execute("""
        CREATE TABLE market_transactions (
            signature  text PRIMARY KEY,
            venue      text NOT NULL,
            token_in   text NOT NULL,
            token_out  text NOT NULL,
            amount_in  numeric(20, 0) NOT NULL,
            amount_out numeric(20, 0) NOT NULL,
            swapped    boolean NOT NULL,
            landed_at  timestamptz NOT NULL DEFAULT now()
        )""")
    op.execute("ALTER TABLE orders DROP quote_id")
    op.execute("DROP TABLE quotes")
