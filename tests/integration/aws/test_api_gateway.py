from __future__ import annotations

import time

import pytest

from order_engine.aws.connections import ApiGatewayConnections
from order_engine.aws.endpoints import Endpoint
from order_engine.aws.signing import Credentials, Signer
from order_engine.ports import ConnectionGone, ConnectionRefused
from tests.support.http_server import HttpServer
from tests.support.network import closed_port, silent_port
from tests.support.scripted_server import HANG_UP, SILENCE, ok, scripted_server

MESSAGE = {"seq": 1, "status": "pending", "text": "ü €"}


def to(url: str) -> ApiGatewayConnections:
    signer = Signer(Credentials("test", "secret", "session"), "execute-api", "us-east-1")
    return ApiGatewayConnections(Endpoint(url, signer, seconds=1))


@pytest.fixture
def server(clients: HttpServer) -> HttpServer:
    clients.clear()
    return clients


def test_a_message_is_posted_to_its_connection(server: HttpServer) -> None:
    to(server.url).send("L0SM9cOFvHcCIhw=", MESSAGE)
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/@connections/L0SM9cOFvHcCIhw%3D", MESSAGE)


def test_a_message_is_signed_with_the_session(server: HttpServer) -> None:
    to(server.url).send("c1", MESSAGE)
    headers = {name.lower(): value for name, value in server.requests[0].headers.items()}
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert headers["x-amz-security-token"] == "session"
    assert "secret" not in str(headers)


def test_the_path_includes_the_stage(server: HttpServer) -> None:
    to(f"{server.url}/v1").send("c1", MESSAGE)
    assert server.requests[0].path == "/v1/@connections/c1"


def test_messages_share_one_connection_to_the_gateway(server: HttpServer) -> None:
    connections = to(server.url)
    for _ in range(5):
        connections.send("c1", MESSAGE)
    assert server.pushed("c1") == [MESSAGE] * 5


def test_a_closed_connection_is_gone(server: HttpServer) -> None:
    server.statuses["/@connections/c1"] = 410
    with pytest.raises(ConnectionGone, match="c1"):
        to(server.url).send("c1", MESSAGE)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_any_other_answer_is_a_refusal(server: HttpServer, status: int) -> None:
    server.statuses["/@connections/c1"] = status
    with pytest.raises(ConnectionRefused, match=f"expected status 200, was {status}"):
        to(server.url).send("c1", MESSAGE)


def test_a_message_whose_connection_to_the_gateway_was_lost_is_sent_once_more() -> None:
    with scripted_server(HANG_UP, ok()) as gateway:
        to(gateway.url).send("c1", MESSAGE)
    assert [request.json for request in gateway.received] == [MESSAGE, MESSAGE]
    with scripted_server(HANG_UP, HANG_UP, ok()) as gateway, pytest.raises(ConnectionRefused):
        to(gateway.url).send("c1", MESSAGE)
    assert len(gateway.received) == 2


def test_a_message_to_a_silent_gateway_is_not_sent_again() -> None:
    with scripted_server(SILENCE, ok()) as gateway, pytest.raises(ConnectionRefused):
        to(gateway.url).send("c1", MESSAGE)
    assert len(gateway.received) == 1


def test_a_silent_gateway_is_a_refusal_after_the_timeout() -> None:
    with silent_port() as port:
        started = time.monotonic()
        with pytest.raises(ConnectionRefused):
            to(f"http://127.0.0.1:{port}").send("c1", MESSAGE)
        assert time.monotonic() - started < 4


def test_an_unreachable_gateway_is_a_refusal_at_once() -> None:
    with closed_port() as port:
        started = time.monotonic()
        with pytest.raises(ConnectionRefused):
            to(f"http://127.0.0.1:{port}").send("c1", MESSAGE)
        assert time.monotonic() - started < 3


@pytest.mark.parametrize(("status", "is_open"), [(200, True), (410, False), (429, True), (500, True)])
def test_a_connection_is_open_unless_it_is_known_to_be_gone(server: HttpServer, status: int, is_open: bool) -> None:
    server.statuses["/@connections/c1"] = status
    assert to(server.url).is_open("c1") is is_open
    (request,) = server.requests
    assert (request.method, request.body) == ("GET", None)
    assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256")


@pytest.mark.parametrize("status", [204, 410])
def test_a_connection_is_closed(server: HttpServer, status: int) -> None:
    server.statuses["/@connections/c1"] = status
    to(server.url).close("c1")
    assert [request.method for request in server.requests] == ["DELETE"]


def test_a_failure_to_close_is_a_refusal(server: HttpServer) -> None:
    server.statuses["/@connections/c1"] = 500
    with pytest.raises(ConnectionRefused, match="expected status 204 or 410, was 500"):
        to(server.url).close("c1")
    with closed_port() as port:
        assert to(f"http://127.0.0.1:{port}").is_open("c1")
