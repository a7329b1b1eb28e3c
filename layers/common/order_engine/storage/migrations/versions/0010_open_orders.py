"""Orders that wait: what for, until when, with which other orders, and who watches the market for them.

All columns are empty in orders that run at once, and all indexes are of orders that wait, so that no other order pays.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

_NO_OPEN_ORDER = " AND NOT EXISTS (SELECT FROM orders WHERE status = 'open' AND id >= first AND id < beyond)"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE orders
            ADD terms       jsonb,
            ADD waits_for   text CHECK (waits_for IN ('at_least', 'at_most', 'schedule', 'pool')),
            ADD trigger_out numeric(20, 0) CHECK (trigger_out >= 0),
            ADD limit_out   numeric(20, 0) CHECK (limit_out > 0),
            ADD expires_at  timestamptz,
            ADD due_at      timestamptz,
            ADD slices_done integer,
            ADD rests_until timestamptz,
            ADD parent_id   uuid REFERENCES orders,
            ADD linked_id   uuid REFERENCES orders""")
    op.execute("CREATE INDEX orders_open ON orders (id) INCLUDE (market) WHERE status = 'open'")
    # A group is the orders of one direction of a pair whose amounts have as many binary digits. Within it they are in
    # the order in which a moving price reaches them: a rising one those that wait for at least a ratio, a falling one
    # those that wait for at most one.
    op.execute("""
        CREATE INDEX orders_by_trigger ON orders (
            market, token_in, token_out, waits_for, (floor(log(2, amount_in))::integer),
            ((CASE WHEN waits_for = 'at_most' THEN -trigger_out ELSE trigger_out END) / amount_in), id
        ) WHERE status = 'open' AND trigger_out IS NOT NULL""")
    op.execute("CREATE INDEX orders_by_expiry ON orders (expires_at) WHERE status = 'open' AND expires_at IS NOT NULL")
    op.execute(
        "CREATE INDEX orders_by_due_time ON orders (market, due_at, id) WHERE status = 'open' AND due_at IS NOT NULL"
    )
    op.execute("CREATE INDEX orders_for_pools ON orders (market, id) WHERE status = 'open' AND waits_for = 'pool'")
    op.execute("CREATE INDEX orders_by_parent ON orders (parent_id, id) WHERE parent_id IS NOT NULL")
    op.execute("CREATE INDEX orders_by_client_and_type ON orders (client_id, type, id) WHERE type <> 'market'")
    # Of two linked orders at most one ever runs or is filled.
    op.execute("""
        CREATE UNIQUE INDEX orders_linked ON orders (least(id, linked_id))
        WHERE linked_id IS NOT NULL AND status NOT IN ('open', 'failed', 'cancelled', 'expired')""")
    op.execute("""
        CREATE TABLE leases (
            name       text PRIMARY KEY,
            holder     text NOT NULL,
            held_until timestamptz NOT NULL,
            wanted_by  text,
            notes      jsonb NOT NULL DEFAULT '{}'
        )""")
    _define_are_over(_NO_OPEN_ORDER)


def downgrade() -> None:
    _define_are_over("")
    op.execute("DROP TABLE leases")
    op.execute("""
        ALTER TABLE orders
            DROP terms, DROP waits_for, DROP trigger_out, DROP limit_out, DROP expires_at, DROP due_at,
            DROP slices_done, DROP rests_until, DROP parent_id, DROP linked_id""")
    op.execute("DROP INDEX orders_open, orders_by_client_and_type")


def _define_are_over(no_open_order: str) -> None:
    op.execute(f"""
        CREATE OR REPLACE FUNCTION are_over(first uuid, beyond uuid) RETURNS boolean STABLE STRICT LANGUAGE sql AS $$
            SELECT NOT EXISTS (
                SELECT FROM orders WHERE status IN ('pending', 'routing', 'building', 'submitted')
                    AND id >= first AND id < beyond
            ){no_open_order} AND NOT EXISTS (SELECT FROM subscriptions WHERE order_id >= first AND order_id < beyond)
        $$""")
