"""The mints of the simulated market, of tokens that have no symbol."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE market_mints (
            mint                 text PRIMARY KEY,
            decimals             smallint NOT NULL CHECK (decimals BETWEEN 0 AND 255),
            has_freeze_authority boolean NOT NULL,
            extensions           text[] NOT NULL
        )""")


def downgrade() -> None:
    op.execute("DROP TABLE market_mints")
