"""The simulated market: its pools, the transactions that its chain has taken, and the faults that are switched on.

`IF NOT EXISTS`: a database of before this history has the same tables, made by the engine's migrations.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS market_pools (
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
        CREATE TABLE IF NOT EXISTS market_transactions (
            signature  text PRIMARY KEY,
            position   bigint GENERATED ALWAYS AS IDENTITY,
            slot       bigint NOT NULL,
            landed_at  bigint NOT NULL,
            amount_in  numeric(20, 0) NOT NULL,
            amount_out numeric(20, 0) NOT NULL,
            swapped    boolean NOT NULL,
            swaps      json NOT NULL
        )""")
    op.execute("""
        CREATE TABLE IF NOT EXISTS market_faults (
            venue     text NOT NULL,
            step      text NOT NULL,
            kind      text NOT NULL,
            remaining integer CHECK (remaining > 0),
            percent   integer NOT NULL DEFAULT 100 CHECK (percent BETWEEN 1 AND 100),
            PRIMARY KEY (venue, step)
        )""")


def downgrade() -> None:
    op.execute("DROP TABLE market_faults, market_transactions, market_pools")
