"""The roles with which the engine connects to its stores, and the certificates that it checks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import redis
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from emulator.stores import _redis_server, free_port
from emulator.template import intrinsics
from order_engine.domain.errors import StoreUnavailable
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.simulation.schema import MIGRATIONS
from order_engine.storage import redis_client
from order_engine.storage.active_orders import RedisActiveOrders
from order_engine.storage.database import Database
from order_engine.storage.rate_limit import RedisRateLimit
from order_engine.storage.schema import migrate
from tests.integration.conftest import ROLE
from tests.integration.storage.test_active_orders import event
from tests.support.active_orders import shown, trusted
from tests.support.concurrency import eventually
from tests.support.databases import new_database, terminate
from tests.support.network import unreliable_line
from tests.support.tls import Authority, new_authority, tls_in_front

STORES = Path(__file__).parents[3] / "infra" / "stores.yaml"


# The functions' role in Postgres. All other tests use it, which shows that its rights suffice.


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id integer)",
        "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE orders ADD COLUMN mine integer",
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE",
        "CREATE INDEX mine ON orders (status)",
        "DROP TABLE quotes",
        "TRUNCATE market_faults",
        "UPDATE alembic_version SET version_num = '0001'",
        "SELECT * FROM alembic_version",
        "DROP FUNCTION listeners",
        "CREATE ROLE mine",
        "ALTER TABLE orders OWNER TO order_engine",
    ],
)
def test_the_functions_role_can_not_change_the_schema(database: Database, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        database.execute(statement)


def test_the_role_may_use_tables_that_the_owner_creates_later(database_url: str, database: Database) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE later (id serial, name text)")
        try:
            database.execute("INSERT INTO later (name) VALUES ('a')")
            assert database.fetch("UPDATE later SET name = 'b' RETURNING name") == [{"name": "b"}]
            database.execute("DELETE FROM later")
        finally:
            owner.execute("DROP TABLE later")


def test_granting_the_role_again_changes_nothing(postgres_url: str) -> None:
    url = new_database(postgres_url)
    migrate(url, others=MIGRATIONS, role=ROLE)
    before = _rights(url)
    migrate(url, others=MIGRATIONS, role=ROLE)
    assert _rights(url) == before != []


def test_a_role_may_have_any_name(postgres_url: str) -> None:
    url, role = new_database(postgres_url), f'o\'er "{uuid4().hex}"; DROP TABLE orders'
    migrate(url, others=MIGRATIONS, role=role)
    with psycopg.connect(make_conninfo(url, user=role)) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)


@pytest.fixture
def rds_iam(postgres_url: str) -> Iterator[None]:
    """The role that marks IAM logins on RDS. An ordinary Postgres does not have it."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE rds_iam")
        yield
        connection.execute("DROP ROLE rds_iam")


@pytest.mark.usefixtures("rds_iam")
def test_on_rds_the_role_logs_in_with_iam(postgres_url: str) -> None:
    url, role = new_database(postgres_url), f"r{uuid4().hex}"
    migrate(url, others=MIGRATIONS, role=role)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT pg_has_role(%s, 'rds_iam', 'member')", (role,)).fetchone() == (True,)


def _rights(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return [
            *connection.execute("SELECT relname, relacl::text FROM pg_class WHERE relacl IS NOT NULL ORDER BY 1"),
            *connection.execute("SELECT defaclobjtype, defaclacl::text FROM pg_default_acl ORDER BY 1"),
        ]


# Passwords for each connection.


@pytest.fixture
def guarded_url(postgres_url: str) -> Iterator[str]:
    """The URL of a database whose user needs the password `first`."""
    role = f"guarded_{uuid4().hex}"
    with psycopg.connect(new_database(postgres_url), autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'first'".encode())
        (file,) = owner.execute("SHOW hba_file").fetchone() or ("",)
        rules = Path(file).read_text()
        Path(file).write_text(f"local all {role} scram-sha-256\n{rules}")
        url = make_conninfo(owner.info.dsn, user=role)

        def guarded() -> bool:
            owner.execute("SELECT pg_reload_conf()")
            return not _lets_in(url)

        # The server reloads its rules asynchronously.
        eventually(guarded)
        yield url
        Path(file).write_text(rules)
        owner.execute("SELECT pg_reload_conf()")


def _lets_in(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_every_new_connection_asks_for_a_password(guarded_url: str, postgres_url: str) -> None:
    """GIVEN a lost connection whose password has expired, WHEN a statement comes, THEN the next password is used."""
    role = conninfo_to_dict(guarded_url)["user"]
    asked: list[str] = []

    def password() -> str:
        asked.append("first" if not asked else "second")
        return asked[-1]

    database, admin = Database(guarded_url, password=password), Database(postgres_url)
    for _ in range(3):
        assert database.fetch("SELECT current_user AS name") == [{"name": role}]
    assert asked == ["first"]
    admin.execute(f"ALTER ROLE {role} PASSWORD 'second'")
    terminate(database, admin)
    assert database.fetch("SELECT current_user AS name") == [{"name": role}]
    assert asked == ["first", "second"]
    database.close()
    admin.close()


def test_a_refused_password_is_an_outage_and_is_not_shown(guarded_url: str) -> None:
    warnings: list[str] = []
    database = Database(guarded_url, warn=warnings.append, password=lambda: "hunter2")
    with pytest.raises(StoreUnavailable):
        database.fetch("SELECT 1")
    (warning,) = warnings
    assert "password authentication failed" in warning
    assert "hunter2" not in warning


def test_migrations_ask_for_a_password_too(guarded_url: str) -> None:
    with pytest.raises(Exception, match="password authentication failed"):
        migrate(guarded_url, others=MIGRATIONS, password=lambda: "wrong")


def test_a_database_that_is_not_ready_is_retried(guarded_url: str) -> None:
    asked: list[str] = []

    def password() -> str:
        asked.append("first" if asked else "too early")
        return asked[-1]

    # The login succeeded: this user may not create tables.
    with pytest.raises(Exception, match="permission denied for schema public"):
        migrate(guarded_url, others=MIGRATIONS, password=password, patience=30)
    assert asked == ["too early", "first"]


# The user of the cache, with the rights that infra/stores.yaml gives it.


@pytest.fixture
def restricted(redis_url: str) -> Iterator[str]:
    """The URL of a user with these rights and the password `token`."""
    access = intrinsics.read(STORES)["Resources"]["CacheUser"]["Properties"]["AccessString"]
    with redis.Redis.from_url(redis_url) as admin:
        admin.execute_command("ACL", "SETUSER", "engine", ">token", *access.split())
        yield re.sub("//.*@", "//engine@", redis_url)
        admin.execute_command("ACL", "DELUSER", "engine")


def test_the_cache_user_may_do_everything_the_engine_does(redis_url: str, restricted: str) -> None:
    warnings: list[str] = []
    asked: list[None] = []

    def password() -> str:
        asked.append(None)
        return "token"

    active_orders = RedisActiveOrders(restricted, warnings.append, password)
    client_id = uuid7()
    running = event(client_id=client_id)
    active_orders.ping()
    trusted(active_orders, client_id)
    active_orders.show([running])
    assert shown(active_orders, client_id) == [running]
    active_orders.show([replace(running, status=Status.CONFIRMED)])
    assert shown(active_orders, client_id) == []
    # A script that the server does not know is loaded and then called by its digest.
    with redis.Redis.from_url(redis_url) as admin:
        admin.script_flush()
    for what in ("order", "quote"):
        limit = RedisRateLimit(restricted, what, 1, warnings.append, password)
        assert limit.take(client_id) == 0
        assert limit.take(client_id) > 0
    assert warnings == []
    # All over one connection.
    assert len(asked) == 1
    redis_client.connection(restricted, password).close()


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "someone_elses"),
        ("SET", "someone_elses", "1"),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("EVAL", "return redis.call('FLUSHALL')", "0"),
        ("SUBSCRIBE", "news"),
        ("PUBLISH", "news", "1"),
    ],
)
def test_the_cache_user_may_do_nothing_else(restricted: str, command: tuple[str, ...]) -> None:
    connection = redis.Redis.from_url(restricted.replace("engine@", "engine:token@"))
    with connection, pytest.raises(redis.exceptions.NoPermissionError):
        connection.execute_command(*command)  # type: ignore[no-untyped-call]


@pytest.fixture
def cluster_url(tmp_path: Path) -> Iterator[str]:
    """The URL of a Redis in cluster mode that owns every slot, like ElastiCache Serverless."""
    # The nodes of a cluster use a second port, higher by ten thousand.
    port = next(port for port in iter(free_port, 0) if port < 55_000)
    command = [
        str(_redis_server()),
        "--port",
        str(port),
        "--cluster-enabled",
        "yes",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server, redis.Redis(port=port) as admin:
        try:
            eventually(lambda: _answers(admin))
            admin.execute_command("CLUSTER", "ADDSLOTS", *range(16_384))
            eventually(lambda: admin.cluster("INFO")["cluster_state"] == "ok")
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_the_engine_works_without_a_cluster_client(cluster_url: str) -> None:
    warnings: list[str] = []
    active_orders, client_id = RedisActiveOrders(cluster_url, warnings.append), uuid7()
    running = event(client_id=client_id)
    trusted(active_orders, client_id)
    active_orders.show([running])
    assert shown(active_orders, client_id) == [running]
    limit = RedisRateLimit(cluster_url, "order", 1, warnings.append)
    assert [limit.take(client_id) > 0 for _ in range(2)] == [False, True]
    assert warnings == []
    client = redis_client.connection(cluster_url)
    # The server would report keys in different slots.
    with pytest.raises(redis.ResponseError, match="same slot"):
        client.ask("DEL", "a", "b")
    client.close()


# TLS with a checked certificate.


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("stranger"))


def with_options_of_the_stack(url: str, **changes: str) -> str:
    """Returns the URL with the options that infra/stores.yaml adds to the proxy's."""
    value = intrinsics.read(STORES)["Outputs"]["DatabaseUrl"]["Value"]["Fn::Sub"]
    options = dict(item.split("=") for item in urlsplit(value).query.split("&"))
    return make_conninfo(url, **{**options, **changes})


@pytest.fixture
def postgres_by_tls(engine_url: str, authority: Authority) -> Iterator[str]:
    parts = conninfo_to_dict(engine_url)
    path = f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}"
    with tls_in_front(path, authority, postgres=True) as port:
        yield make_conninfo(engine_url, host="localhost", port=port, hostaddr="127.0.0.1")


def test_postgres_is_reached_over_tls(postgres_by_tls: str, authority: Authority) -> None:
    database = Database(with_options_of_the_stack(postgres_by_tls, sslrootcert=str(authority.root)))
    assert database.fetch("SELECT 1 AS one") == [{"one": 1}]
    database.close()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "certificate verify failed"),
        ({"host": "127.0.0.1"}, "certificate verify failed|does not match host name"),
        ({"sslrootcert": "/nowhere/ca.crt"}, "root certificate file .* does not exist"),
    ],
    ids=["an unknown authority", "another host", "no bundle of authorities"],
)
def test_a_postgres_without_a_trusted_certificate_is_refused(
    postgres_by_tls: str, authority: Authority, stranger: Authority, changes: dict[str, str], reason: str
) -> None:
    warnings: list[str] = []
    root = authority.root if "host" in changes else stranger.root
    url = with_options_of_the_stack(postgres_by_tls, **{"sslrootcert": str(root), **changes})
    with pytest.raises(StoreUnavailable):
        Database(url, warn=warnings.append).fetch("SELECT 1")
    assert re.search(reason, warnings[0])


def test_a_postgres_without_tls_is_refused(engine_url: str, authority: Authority) -> None:
    warnings: list[str] = []
    with unreliable_line(engine_url) as line:
        url = with_options_of_the_stack(line.url, sslrootcert=str(authority.root))
        with pytest.raises(StoreUnavailable):
            Database(url, warn=warnings.append).fetch("SELECT 1")
    assert "server does not support SSL, but SSL was required" in warnings[0]


def test_the_cache_is_reached_over_tls(
    redis_url: str, restricted: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a system that trusts our authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    with tls_in_front(("127.0.0.1", urlsplit(redis_url).port or 0), authority, postgres=False) as port:
        client = redis_client.connection(f"rediss://engine@localhost:{port}", lambda: "token")
        assert client.ask("PING") == "PONG"
        client.close()


def test_a_cache_without_a_trusted_certificate_is_refused(redis_url: str, authority: Authority) -> None:
    with tls_in_front(("127.0.0.1", urlsplit(redis_url).port or 0), authority, postgres=False) as port:
        client = redis_client.connection(f"rediss://engine@localhost:{port}", lambda: "token")
        with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
            client.ask("PING")
