"""Postgres, the authority; Redis, the fast view of active orders; the schema's migrations."""
