"""Scopes, expiry and last use of API keys, and who made and revoked them."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    # The keys that exist may trade, as before, and so may those that the code of before still makes.
    op.execute("""
        ALTER TABLE api_keys
            ADD scope        text NOT NULL DEFAULT 'trade' CHECK (scope IN ('read', 'trade', 'admin')),
            ADD expires_at   timestamptz,
            ADD last_used_at timestamptz""")
    op.execute("""
        CREATE TABLE key_audit (
            key_id uuid NOT NULL REFERENCES api_keys,
            action text NOT NULL CHECK (action IN ('created', 'revoked')),
            actor  text NOT NULL,
            at     timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (key_id, action)
        )""")


def downgrade() -> None:
    op.execute("DROP TABLE key_audit")
    op.execute("ALTER TABLE api_keys DROP scope, DROP expires_at, DROP last_used_at")
