"""Brings the database up to date. Only the function that migrates imports this: its libraries are slow to import."""

from __future__ import annotations

from order_engine.bootstrap import settings, stores
from order_engine.simulation import schema as simulation
from order_engine.storage import schema as storage


def migrate() -> None:
    """Applies the migrations, and grants rights to a role that may not change the schema, if one is set."""
    storage.migrate(
        settings.required("DATABASE_URL"),
        others=simulation.MIGRATIONS,
        password=stores.database_password(),
        role=settings.optional("DATABASE_ROLE"),
        patience=settings.integer("PATIENCE_SECONDS"),
    )


def create_pools() -> None:
    """Creates the pools of the simulated market that do not exist yet."""
    simulation.create_pools(stores.database())
