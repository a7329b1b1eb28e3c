"""Brings the database's schema up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from order_engine.storage.database import checked

_MIGRATIONS = Path(__file__).with_name("migrations")
_VERSION_TABLE = "alembic_version"

_LOCK = 4_711_000_001
"""The number of the advisory lock. All processes that migrate use the same."""

_AUDIT_TABLE = "key_audit"
"""The role may add to it, and changes nothing that is there."""

_PAUSE_SECONDS = 1

# %1$I stands for the role's name.
_GRANTS = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO %1$I",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %1$I",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO %1$I",
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO %1$I",
    # Also for tables and functions that this user creates later.
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %1$I",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO %1$I",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO %1$I",
)


def migrate(
    database_url: str,
    revision: str = "head",
    *,
    others: Mapping[str, Path] = MappingProxyType({}),
    password: Callable[[], str] | None = None,
    role: str | None = None,
    patience: float = 0,
) -> None:
    """Applies all migrations up to `revision` in one transaction. Concurrent calls wait for each other.

    A schema that is newer than these migrations stays as it is: a deployment may have been rolled back. `others` are
    folders with further migrations, by the name of the table that holds their version. They are all applied.

    `password` returns a password for each new connection. `role` is created if it does not exist. It may read and
    write all tables but not alter them, and on RDS it logs in by IAM. Tries to connect for `patience` seconds.
    """
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
        _upgrade(connection, _VERSION_TABLE, _MIGRATIONS / "versions", revision)
        for version_table, folder in others.items():
            _upgrade(connection, version_table, folder, "head")
        if role:
            _grant(connection, role, [_VERSION_TABLE, *others])


def _upgrade(connection: Connection, version_table: str, folder: Path, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("version_locations", str(folder))
    config.set_main_option("path_separator", "newline")
    config.attributes |= {"connection": connection, "version_table": version_table}
    context = MigrationContext.configure(connection, opts={"version_table": version_table})
    current = context.get_current_revision()
    newest = ScriptDirectory.from_config(config).get_current_head()
    if current is None or newest is None or current <= newest:
        command.upgrade(config, revision)


def _grant(connection: Connection, role: str, version_tables: Sequence[str]) -> None:
    def execute(statement: str, table: str = "") -> None:
        values = {"statement": statement, "role": role, "table": table}
        formatted = text("SELECT format(:statement, CAST(:role AS text), CAST(:table AS text))")
        connection.exec_driver_sql(connection.scalars(formatted, values).one())

    roles = set(
        connection.scalars(text("SELECT rolname FROM pg_roles WHERE rolname IN (:role, 'rds_iam')"), {"role": role})
    )
    if role not in roles:
        execute("CREATE ROLE %1$I LOGIN")
    # RDS has this role. Its members log in with IAM's tokens instead of a password.
    if "rds_iam" in roles:
        execute("GRANT rds_iam TO %1$I")
    for grant in _GRANTS:
        execute(grant)
    execute("REVOKE UPDATE, DELETE ON %2$I FROM %1$I", _AUDIT_TABLE)
    for table in version_tables:
        execute("REVOKE ALL ON %2$I FROM %1$I", table)
