"""The pools on Solana that the engine may trade in, for each cluster."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE solana_pools (
            cluster    text NOT NULL,
            address    text NOT NULL,
            program    text NOT NULL,
            venue      text NOT NULL,
            token_a    text NOT NULL,
            token_b    text NOT NULL,
            companions text[] NOT NULL,
            source     text NOT NULL CHECK (source IN ('by hand', 'discovered')),
            enabled    boolean NOT NULL,
            added_at   timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (cluster, address)
        )""")


def downgrade() -> None:
    op.execute("DROP TABLE solana_pools")
