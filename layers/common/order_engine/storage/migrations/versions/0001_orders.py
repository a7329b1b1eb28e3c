"""Orders, their events and the connections that listen to them."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE orders (
            id              uuid PRIMARY KEY,
            type            text NOT NULL,
            token_in        text NOT NULL,
            token_out       text NOT NULL,
            amount_in       numeric(20, 0) NOT NULL CHECK (amount_in > 0),
            slippage_bps    integer NOT NULL CHECK (slippage_bps BETWEEN 0 AND 10000),
            client_order_id text,
            user_id         text,
            status          text NOT NULL DEFAULT 'pending',
            attempt         integer NOT NULL DEFAULT 1,
            seq             integer NOT NULL DEFAULT 1,
            run             text,
            lease_until     timestamptz,
            woken_at        timestamptz NOT NULL DEFAULT now(),
            venue           text,
            quoted_out      numeric(20, 0),
            min_out         numeric(20, 0),
            tx_hash         text UNIQUE,
            transaction     jsonb,
            amount_out      numeric(20, 0),
            error           jsonb,
            created_at      timestamptz NOT NULL DEFAULT now(),
            updated_at      timestamptz NOT NULL DEFAULT now(),
            CHECK (amount_out >= min_out)
        )""")
    op.execute("CREATE INDEX orders_by_status ON orders (status, id)")
    op.execute("""
        CREATE TABLE order_events (
            order_id uuid NOT NULL REFERENCES orders,
            seq      integer NOT NULL,
            status   text NOT NULL,
            at       timestamptz NOT NULL,
            attempt  integer NOT NULL,
            data     jsonb NOT NULL,
            PRIMARY KEY (order_id, seq)
        )""")
    op.execute("""
        CREATE TABLE subscriptions (
            connection_id text NOT NULL,
            order_id      uuid NOT NULL REFERENCES orders,
            PRIMARY KEY (connection_id, order_id)
        )""")
    op.execute("CREATE INDEX subscriptions_by_order ON subscriptions (order_id)")
    # Volatile: it sees what was committed while the statement that calls it waited for the order's row.
    op.execute("""
        CREATE FUNCTION listeners(id uuid) RETURNS text[] VOLATILE LANGUAGE plpgsql AS $$
            BEGIN RETURN ARRAY(SELECT connection_id FROM subscriptions WHERE order_id = id); END
        $$""")


def downgrade() -> None:
    op.execute("DROP FUNCTION listeners")
    for table in ("subscriptions", "order_events", "orders"):
        op.execute(f"DROP TABLE {table}")
