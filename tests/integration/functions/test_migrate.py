"""The custom resource that migrates the database."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from order_engine.domain.access import new_secret
from order_engine.simulation.pools import pool_settings
from order_engine.simulation.schema import MIGRATIONS
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database
from order_engine.storage.schema import migrate
from tests.support.databases import new_database
from tests.support.events import rest
from tests.support.functions import new_environment
from tests.support.http_server import HttpServer
from tests.support.network import closed_port

pytestmark = pytest.mark.usefixtures("nothing_sent")


def custom_resource(kind: str, url: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": f"{url}/response",
        "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/local/1",
        "RequestId": "request-1",
        "ResourceType": "Custom::DatabaseSchema",
        "LogicalResourceId": "Schema",
        "ResourceProperties": {"ServiceToken": "arn", "Revision": "1", "DevelopmentKey": ""},
    }


def tables(url: str) -> int:
    with psycopg.connect(url) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()[0]
    return int(count)


ANSWER = {
    "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/local/1",
    "RequestId": "request-1",
    "LogicalResourceId": "Schema",
    "PhysicalResourceId": "schema",
}


@pytest.fixture
def empty_url(postgres_url: str) -> str:
    return new_database(postgres_url)


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_deploying_migrates_the_database(
    environment: dict[str, str], empty_url: str, clients: HttpServer, kind: str
) -> None:
    with new_environment({**environment, "DATABASE_URL": empty_url}) as functions:
        for _ in range(2):
            assert functions("migrate", custom_resource(kind, clients.url)) is None
    (first, second) = clients.requests
    assert (first.method, first.path, first.body) == ("PUT", "/response", {**ANSWER, "Status": "SUCCESS"})
    assert second.body == first.body
    # The URL is signed for a request without a content type.
    assert first.headers["Content-Type"] == ""
    database = Database(empty_url)
    assert len(database.fetch("SELECT FROM market_pools")) == len(list(pool_settings()))
    database.close()


def test_a_development_key_is_accepted_after_the_deployment(
    environment: dict[str, str], empty_url: str, clients: HttpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    key = new_secret("oee_")
    event = custom_resource("Create", clients.url)
    event["ResourceProperties"]["DevelopmentKey"] = key
    with new_environment({**environment, "DATABASE_URL": empty_url}) as functions:
        functions("migrate", event)
        event["ResourceProperties"]["DevelopmentKey"] = "oee_secret"
        functions("migrate", event)
    database = Database(empty_url)
    assert PostgresClientStore(database).caller_with_key(key) is not None
    database.close()
    assert [body["Status"] for body in clients.bodies("/response")] == ["SUCCESS", "FAILED"]
    said = str(clients.requests) + "".join(capsys.readouterr())
    assert key not in said
    assert "oee_secret" not in said


def test_a_malformed_url_is_reported_without_its_password(
    environment: dict[str, str], clients: HttpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with new_environment({**environment, "DATABASE_URL": "postgres//user:hunter2@host/db"}) as functions:
        functions("migrate", custom_resource("Create", clients.url))
        with pytest.raises(ValueError, match="expected DATABASE_URL to be like postgresql://"):
            functions("submit", rest("GET", "/api/orders"))
    (answer,) = clients.bodies("/response")
    assert answer["Reason"].startswith("ValueError: expected DATABASE_URL to be like ")
    assert "hunter2" not in answer["Reason"] + "".join(capsys.readouterr())


def test_a_deployment_creates_the_functions_role(
    environment: dict[str, str], empty_url: str, clients: HttpServer
) -> None:
    role = f"role_{uuid4().hex}"
    change = {"DATABASE_URL": empty_url, "DATABASE_ROLE": role}
    with new_environment({**environment, **change}) as functions:
        functions("migrate", custom_resource("Create", clients.url))
    assert clients.bodies("/response") == [{**ANSWER, "Status": "SUCCESS"}]
    with psycopg.connect(make_conninfo(empty_url, user=role)) as connection:
        assert connection.execute("SELECT count(*) FROM market_pools").fetchone() != (0,)


def test_deleting_the_stack_keeps_the_data(environment: dict[str, str], empty_url: str, clients: HttpServer) -> None:
    migrate(empty_url, others=MIGRATIONS)
    before = tables(empty_url)
    with new_environment({**environment, "DATABASE_URL": empty_url}) as functions:
        functions("migrate", custom_resource("Delete", clients.url))
    assert clients.bodies("/response") == [{**ANSWER, "Status": "SUCCESS"}]
    assert tables(empty_url) == before > 0


def test_a_deployment_fails_at_once_when_the_database_is_unreachable(
    environment: dict[str, str], clients: HttpServer
) -> None:
    with (
        closed_port() as port,
        new_environment({**environment, "DATABASE_URL": f"host=127.0.0.1 port={port} user=postgres"}) as functions,
    ):
        functions("migrate", custom_resource("Create", clients.url))
    (answer,) = clients.bodies("/response")
    assert {key: answer[key] for key in ANSWER} == ANSWER
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("OperationalError: ")
