"""Brings the database's schema up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from order_engine.storage.database import checked

_LOCK = 4_711_000_001
"""Any number, as long as it is the same for everyone who migrates."""

_PAUSE_SECONDS = 1

# Each with the role's name in the place of %1$I.
_RIGHTS = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO %1$I",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %1$I",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO %1$I",
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO %1$I",
    # What this user makes at another time, too.
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %1$I",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO %1$I",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO %1$I",
    "REVOKE ALL ON alembic_version FROM %1$I",
)


def migrate(
    database_url: str,
    revision: str = "head",
    password: Callable[[], str] | None = None,
    role: str | None = None,
    patience: float = 0,
) -> None:
    """Applies every migration up to `revision`, all or none. Several at once wait for each other.

    A schema that is newer than the migrations here stays as it is: a deployment that is rolled back finds one.
    `password` makes one for each new connection. `role` is made if need be, and may then read and write all tables
    but not change them; on RDS it logs in by IAM. For so many seconds of `patience` it is tried to connect.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    url = checked(database_url)

    give_up = time.monotonic() + patience

    def connect() -> psycopg.Connection:
        while True:
            try:
                return psycopg.connect(url, password=password() if password else None, connect_timeout=10)
            except psycopg.OperationalError:
                if time.monotonic() >= give_up:
                    raise
                time.sleep(_PAUSE_SECONDS)

    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if not _is_newer(connection, config):
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        if role:
            _let_in(connection, role)


def _is_newer(connection: Connection, config: Config) -> bool:
    current = MigrationContext.configure(connection).get_current_revision()
    newest = ScriptDirectory.from_config(config).get_current_head()
    return current is not None and newest is not None and current > newest


def _let_in(connection: Connection, role: str) -> None:
    def carry_out(statement: str) -> None:
        statement = connection.scalars(
            text("SELECT format(:statement, CAST(:role AS text))"), {"statement": statement, "role": role}
        ).one()
        connection.exec_driver_sql(statement)

    roles = set(
        connection.scalars(text("SELECT rolname FROM pg_roles WHERE rolname IN (:role, 'rds_iam')"), {"role": role})
    )
    if role not in roles:
        carry_out("CREATE ROLE %1$I LOGIN")
    # RDS has this role, whose members have no password but IAM's tokens.
    if "rds_iam" in roles:
        carry_out("GRANT rds_iam TO %1$I")
    for right in _RIGHTS:
        carry_out(right)
