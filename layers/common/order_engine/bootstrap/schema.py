"""Brings the database up to date. Only the function that migrates imports this: its libraries are slow to import."""

from __future__ import annotations

from order_engine.aws.observability import warn
from order_engine.bootstrap import services, settings, stores
from order_engine.domain.errors import EngineError
from order_engine.simulation import schema as simulation
from order_engine.storage import schema as storage

DISCOVERY_SECONDS = 20.0


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
    """Creates the pools of the simulated market that do not exist yet, and looks for pools on Solana for a while.

    A schedule looks for pools too: a node that does not answer holds back no deployment.
    """
    simulation.create_pools(stores.database())
    try:
        services.discover(DISCOVERY_SECONDS)
    except EngineError as error:
        warn(f"no pools were looked for: {error}")
