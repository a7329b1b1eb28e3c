"""Clients' webhooks, and how far the events of each order are delivered to each.

Deliveries do not refer to orders, which are never deleted: the check would lock an order's row while it runs.
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE webhooks (
            id          uuid PRIMARY KEY,
            client_id   uuid NOT NULL REFERENCES clients,
            url         text NOT NULL,
            secret      text NOT NULL,
            statuses    text[],
            created_at  timestamptz NOT NULL DEFAULT now(),
            followed_at timestamptz NOT NULL DEFAULT now(),
            failures    integer NOT NULL DEFAULT 0,
            UNIQUE (client_id, url)
        )""")
    op.execute("""
        CREATE TABLE deliveries (
            webhook_id    uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
            order_id      uuid NOT NULL,
            seq           integer NOT NULL DEFAULT 0,
            state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'parked')),
            next_at       timestamptz NOT NULL DEFAULT now(),
            attempts      integer NOT NULL DEFAULT 0,
            error         text,
            failing_since timestamptz,
            updated_at    timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (webhook_id, order_id)
        )""")
    op.execute("CREATE INDEX deliveries_waiting ON deliveries (next_at) WHERE state = 'waiting'")
    op.execute("CREATE INDEX deliveries_to_forget ON deliveries (state, updated_at) WHERE state <> 'waiting'")
    op.execute("CREATE INDEX deliveries_by_change ON deliveries (webhook_id, updated_at)")


def downgrade() -> None:
    op.execute("DROP TABLE deliveries, webhooks")
