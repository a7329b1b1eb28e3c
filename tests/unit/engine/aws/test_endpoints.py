from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from ssl import SSLCertVerificationError
from threading import Barrier
from urllib.parse import urlsplit

import pytest

from order_engine.aws import endpoints
from order_engine.aws.endpoints import Endpoint, Response
from order_engine.aws.signing import Credentials, Signer
from tests.support.network import closed_port
from tests.support.scripted_server import HANG_UP, SILENCE, ok, scripted_server
from tests.support.tls import Authority, new_authority, tls_in_front


def to(url: str, seconds: float = 5) -> Endpoint:
    return Endpoint(url, Signer(Credentials("test", "secret"), "execute-api", "us-east-1"), seconds)


def test_a_request_is_sent_signed_below_the_endpoints_path() -> None:
    with scripted_server(ok(b"answer")) as server:
        answer = to(f"{server.url}/v1").call("POST", "/a%20b", b"body", {"content-type": "text/plain"})
    assert answer == Response(200, b"answer")
    (request,) = server.received
    assert (request.line, request.body) == ("POST /v1/a%20b HTTP/1.1", b"body")
    assert request.headers["host"] == urlsplit(server.url).netloc
    assert request.headers["content-type"] == "text/plain"
    assert "SignedHeaders=content-type;host;x-amz-date, " in request.headers["authorization"]


def test_a_request_hands_on_lambdas_trace_unsigned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-a;Parent=b;Sampled=0;Lineage=1:c:0")
    with scripted_server(ok()) as server:
        to(server.url).call("GET", "/")
    headers = server.received[0].headers
    assert headers["x-amzn-trace-id"] == "Root=1-a;Parent=b;Sampled=0;Lineage=1:c:0"
    assert "trace" not in headers["authorization"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ok(b"abc", "404 Not Found"), Response(404, b"abc")),
        (ok(b"", "200 OK"), Response(200, b"")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Response(204, b"")),
        (b"HTTP/1.1 200\r\ncontent-length:1\r\n\r\na", Response(200, b"a")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\nA;x=1\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
            Response(200, b"a0123456789"),
        ),
    ],
    ids=["length", "empty", "204", "lower case", "chunks"],
)
def test_a_response_leaves_the_connection_to_the_next_request(answer: bytes, expected: Response) -> None:
    with scripted_server(answer, answer, answer) as server:
        endpoint = to(server.url)
        assert [endpoint.call("GET", "/") for _ in range(3)] == [expected] * 3
    assert [request.connection for request in server.received] == [0, 0, 0]


@pytest.mark.parametrize(
    "answer",
    [ok(b"abc", "200 OK", "Connection: Close"), b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"],
    ids=["length", "end of the connection"],
)
def test_a_connection_that_the_server_ends_is_not_used_again(answer: bytes) -> None:
    with scripted_server(answer, answer) as server:
        endpoint = to(server.url)
        assert [endpoint.call("GET", "/") for _ in range(2)] == [Response(200, b"abc")] * 2
    assert [request.connection for request in server.received] == [0, 1]


def test_a_kept_connection_that_the_server_has_closed_is_replaced() -> None:
    with scripted_server(ok()) as server:
        endpoint = to(server.url)
        endpoint.call("GET", "/")
        assert server.ended.wait(10)
        server.answers.append(ok(b"again"))
        assert endpoint.call("GET", "/") == Response(200, b"again")
    assert [request.connection for request in server.received] == [0, 1]


def test_a_connection_that_was_idle_for_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_server(ok(), ok(), ok()) as server:
        endpoint = to(server.url)
        for seconds in (60, 60, 0):
            monkeypatch.setattr(endpoints, "TRUSTED_SECONDS", seconds)
            endpoint.call("GET", "/")
    assert [request.connection for request in server.received] == [0, 0, 1]


def test_a_fresh_connection_is_a_new_one() -> None:
    with scripted_server(ok(), ok(), ok()) as server:
        endpoint = to(server.url)
        for fresh in (False, True, False):
            endpoint.call("GET", "/", fresh=fresh)
    # Both are kept, and the last one is used first.
    assert [request.connection for request in server.received] == [0, 1, 1]


@pytest.mark.parametrize(
    "answer",
    [
        HANG_UP,
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nabc",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 abc OK\r\nConnection: close\r\n\r\n",
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk", "another protocol", "no status"],
)
def test_a_broken_answer_is_an_error_and_the_request_is_sent_once(answer: bytes) -> None:
    with scripted_server(ok(), answer) as server:
        endpoint = to(server.url)
        endpoint.call("GET", "/")
        with pytest.raises(ConnectionError, match="expected"):
            endpoint.call("GET", "/")
        assert len(server.received) == 2
        # THEN the next request has a connection of its own
        server.answers.append(ok(b"again"))
        assert endpoint.call("GET", "/") == Response(200, b"again")
    assert server.received[-1].connection == 1


def test_a_server_that_does_not_answer_is_waited_for_as_long_as_said() -> None:
    with scripted_server(SILENCE, ok()) as server:
        endpoint = to(server.url, seconds=0.2)
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            endpoint.call("GET", "/")
        assert 0.2 <= time.monotonic() - started < 4
        assert endpoint.call("GET", "/") == Response(200, b"{}")
    assert [request.connection for request in server.received] == [0, 1]


def test_a_port_on_which_nobody_listens_is_an_error() -> None:
    with closed_port() as port, pytest.raises(ConnectionRefusedError):
        to(f"http://127.0.0.1:{port}").call("GET", "/")


def test_threads_have_connections_of_their_own() -> None:
    together = Barrier(5, timeout=10)
    with scripted_server(*[ok()] * 11) as server:
        endpoint = to(server.url)

        def call(_: int) -> Response:
            together.wait()
            return endpoint.call("GET", "/")

        with ThreadPoolExecutor(5) as threads:
            assert list(threads.map(call, range(10))) == [Response(200, b"{}")] * 10
    assert 1 <= server.connections <= 5


def test_a_server_with_an_ipv6_address_is_reached() -> None:
    with scripted_server(ok(), host="::1") as server:
        assert to(server.url).call("GET", "/") == Response(200, b"{}")
    assert server.received[0].headers["host"] == urlsplit(server.url).netloc


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize(
    ("trusted", "host", "error"),
    [
        (True, "localhost", None),
        (True, "127.0.0.1", SSLCertVerificationError),
        (False, "localhost", SSLCertVerificationError),
    ],
    ids=["trusted", "for another host", "of an unknown authority"],
)
def test_a_certificate_is_checked(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, trusted: bool, host: str, error: type[Exception] | None
) -> None:
    endpoints._tls.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root if trusted else Path("/dev/null")))
    with scripted_server(ok(), ok()) as server:
        behind = urlsplit(server.url)
        with tls_in_front((str(behind.hostname), behind.port or 0), authority, postgres=False) as port:
            endpoint = to(f"https://{host}:{port}")
            if error:
                with pytest.raises(error):
                    endpoint.call("GET", "/")
            else:
                assert [endpoint.call("GET", "/") for _ in range(2)] == [Response(200, b"{}")] * 2
    endpoints._tls.cache_clear()
    assert [request.connection for request in server.received] == ([] if error else [0, 0])
