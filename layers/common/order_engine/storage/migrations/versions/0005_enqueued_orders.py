"""When and how often an order was enqueued, whether its end was published again, and which quotes orders have named.

`enqueued_at` takes the place of `woken_at`. Both exist while versions of before this migration may still run: those
write only `woken_at`, and at worst send a message too many. A later migration drops it, once `enqueued_at` has been in
use for a deployment: `ALTER TABLE orders DROP COLUMN woken_at`.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Constant defaults: Postgres rewrites no row.
    op.execute("""
        ALTER TABLE orders
            ADD enqueued_at     timestamptz NOT NULL DEFAULT now(),
            ADD enqueue_count   integer NOT NULL DEFAULT 0,
            ADD end_republished boolean NOT NULL DEFAULT FALSE""")
    op.execute("""
        UPDATE orders SET enqueued_at = woken_at WHERE status IN ('pending', 'routing', 'building', 'submitted')""")
    op.execute("ALTER TABLE quotes ADD named boolean NOT NULL DEFAULT FALSE")
    op.execute("UPDATE quotes SET named = TRUE WHERE EXISTS (SELECT FROM orders WHERE quote_id = quotes.id)")
    # Quotes that orders have named are kept. The deletion of the others must not read them each time.
    op.execute("CREATE INDEX quotes_to_delete ON quotes (created_at) WHERE NOT named")
    op.execute("DROP INDEX quotes_by_age")


def downgrade() -> None:
    op.execute("CREATE INDEX quotes_by_age ON quotes (created_at)")
    op.execute("ALTER TABLE quotes DROP named")
    op.execute("ALTER TABLE orders DROP enqueued_at, DROP enqueue_count, DROP end_republished")
