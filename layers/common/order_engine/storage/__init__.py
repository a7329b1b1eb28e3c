"""Postgres, the authority, with its schema's migrations; Redis, the fast view of active orders."""
