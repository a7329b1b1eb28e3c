"""The simulated market's tables and its first pools."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from order_engine.ports import Database
from order_engine.simulation.pools import PoolSetting, pool_settings

MIGRATIONS = {"simulation_version": Path(__file__).with_name("migrations")}
"""The folder of the migrations, by the name of the table that holds their version."""


def create_pools(database: Database, settings: Iterable[PoolSetting] | None = None) -> list[str]:
    """Creates those of these pools, by default the first ones, that do not exist yet. Returns their ids."""
    rows = [
        {
            "id": setting.id,
            "venue": setting.venue,
            "token_a": setting.token_a,
            "token_b": setting.token_b,
            "kind": setting.pool.kind,
            "state": setting.pool.to_json(),
        }
        for setting in settings or pool_settings()
    ]
    created = database.fetch(
        "INSERT INTO market_pools (id, venue, token_a, token_b, kind, state)"
        " SELECT id, venue, token_a, token_b, kind, state FROM json_to_recordset(%(rows)s::json)"
        " AS row (id text, venue text, token_a text, token_b text, kind text, state json) ON CONFLICT DO NOTHING"
        " RETURNING id",
        {"rows": json.dumps(rows)},
    )
    return [row["id"] for row in created]
