"""Clients with their keys, tickets and connections; the client and the idempotency key of an order."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

_NOBODY = "00000000-0000-0000-0000-000000000000"
"""The client of orders that were accepted before there were clients. It has no key: they run on unread."""


def upgrade() -> None:
    op.execute("""
        CREATE TABLE clients (
            id         uuid PRIMARY KEY,
            name       text NOT NULL UNIQUE,
            created_at timestamptz NOT NULL DEFAULT now()
        )""")
    op.execute(f"INSERT INTO clients (id, name) VALUES ('{_NOBODY}', 'nobody')")
    op.execute("""
        CREATE TABLE api_keys (
            id         uuid PRIMARY KEY,
            client_id  uuid NOT NULL REFERENCES clients,
            prefix     text NOT NULL,
            hash       bytea NOT NULL UNIQUE,
            created_at timestamptz NOT NULL DEFAULT now(),
            revoked_at timestamptz
        )""")
    op.execute("""
        CREATE TABLE tickets (
            hash       bytea PRIMARY KEY,
            key_id     uuid NOT NULL REFERENCES api_keys,
            expires_at timestamptz NOT NULL
        )""")
    op.execute("CREATE INDEX tickets_by_expiry ON tickets (expires_at)")
    op.execute("""
        CREATE TABLE connections (
            id           text PRIMARY KEY,
            key_id       uuid NOT NULL REFERENCES api_keys,
            connected_at timestamptz NOT NULL DEFAULT now()
        )""")
    op.execute("CREATE INDEX connections_by_key ON connections (key_id, connected_at)")
    op.execute(f"ALTER TABLE orders ADD COLUMN client_id uuid NOT NULL DEFAULT '{_NOBODY}' REFERENCES clients")
    op.execute("ALTER TABLE orders ALTER COLUMN client_id DROP DEFAULT, ADD COLUMN idempotency_key text")
    op.execute("CREATE INDEX orders_by_client ON orders (client_id, id)")
    op.execute("""
        CREATE UNIQUE INDEX orders_by_idempotency_key ON orders (client_id, idempotency_key)
        WHERE idempotency_key IS NOT NULL""")
    # Not for orders of nobody: they were accepted before this rule.
    op.execute(f"""
        CREATE UNIQUE INDEX orders_by_client_order_id ON orders (client_id, client_order_id)
        WHERE client_order_id IS NOT NULL AND client_id <> '{_NOBODY}'""")


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP COLUMN client_id, DROP COLUMN idempotency_key")
    for table in ("connections", "tickets", "api_keys", "clients"):
        op.execute(f"DROP TABLE {table}")
