"""Transactions that clients sign: those that quotes offer, and the wallets that have signed those of orders."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("ALTER TABLE quotes ADD unsigned jsonb")
    op.execute("ALTER TABLE orders ADD wallet text")


def downgrade() -> None:
    op.execute("ALTER TABLE quotes DROP unsigned")
    op.execute("ALTER TABLE orders DROP wallet")
