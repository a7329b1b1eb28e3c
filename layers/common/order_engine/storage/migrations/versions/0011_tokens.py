"""The tokens that orders and quotes have named by the addresses of their mints, on each market."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE tokens (
            mint     text NOT NULL,
            market   text NOT NULL,
            decimals smallint NOT NULL CHECK (decimals BETWEEN 0 AND 255),
            program  text NOT NULL,
            PRIMARY KEY (mint, market)
        )""")


def downgrade() -> None:
    op.execute("DROP TABLE tokens")
