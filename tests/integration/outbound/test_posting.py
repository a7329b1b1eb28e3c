"""Posts to real receivers on loopback, some of which behave badly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from order_engine.outbound.posting import MAX_STATUS_LINE, Posting
from order_engine.outbound.targets import Targets
from tests.support.receiver import Receiver, receiver
from tests.support.tls import Authority, new_authority, tls_in_front

SECONDS = 30.0
"""Far more than a test takes, where the time does not matter."""

HEADERS = {"webhook-id": "a_1"}
BODY = '{"data": {"orderId": "a", "seq": 1, "symbol": "é"}}'


@pytest.fixture
def receiving() -> Iterator[Receiver]:
    with receiver() as receiving:
        yield receiving


def post(url: str, seconds: float = SECONDS, **targets: Any) -> str | None:
    return Posting(Targets(**{"public_only": False} | targets), seconds).post(url, HEADERS, BODY)


def test_a_message_arrives_as_it_is(receiving: Receiver) -> None:
    assert post(f"{receiving.url}/hook?a=b") is None
    (message,) = receiving.taken
    assert (message.path, message.body) == ("/hook?a=b", BODY)
    assert message.headers == {
        "host": urlsplit(receiving.url).netloc,
        "connection": "close",
        "content-type": "application/json",
        "content-length": str(len(BODY.encode())),
        "user-agent": "order-engine",
        **HEADERS,
    }


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_takes_the_message(receiving: Receiver, status: int) -> None:
    receiving.answer = lambda message: status
    assert post(receiving.url) is None


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_another_status_does_not(receiving: Receiver, status: int) -> None:
    receiving.answer = lambda message: status
    assert post(receiving.url) == f"expected status 2xx, was {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiver() as elsewhere, answering(redirect(status, elsewhere.url)) as url:
        assert post(url) == f"expected status 2xx, was {status}"
        assert elsewhere.attempts == []


def test_a_receiver_that_hangs_is_given_up(receiving: Receiver) -> None:
    receiving.answer = lambda message: None
    assert post(receiving.url, 0.2) == "expected an answer within 0.2 s"


def test_a_receiver_that_drips_is_given_up() -> None:
    def drip(connection: socket.socket, closing: threading.Event) -> None:
        while not closing.wait(0.01):
            connection.sendall(b"H")

    with answering(drip) as url:
        assert "expected" in str(post(url, 0.3))


def test_an_endless_answer_is_not_read() -> None:
    def flood(connection: socket.socket, closing: threading.Event) -> None:
        while not closing.is_set():
            connection.sendall(b"a" * MAX_STATUS_LINE)

    with answering(flood) as url:
        assert "expected an HTTP/1.1 response" in str(post(url))


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 2", b"HTTP/1.1 20O OK\r\n", b"\r\n"])
def test_something_else_than_http_does_not_take_the_message(answer: bytes) -> None:
    with answering(lambda connection, closing: connection.sendall(answer)) as url:
        assert "expected an HTTP/1.1 response" in str(post(url))


def test_an_answer_may_come_in_parts() -> None:
    def answer(connection: socket.socket, closing: threading.Event) -> None:
        for part in (b"HTTP/1.1 2", b"04", b"\r", b"\n"):
            connection.sendall(part)

    with answering(answer) as url:
        assert post(url) is None


def test_a_receiver_that_is_away_does_not_take_the_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "refused" in str(post(f"http://127.0.0.1:{port}"))


def test_the_next_address_is_called_where_one_does_not_answer(receiving: Receiver) -> None:
    port = urlsplit(receiving.url).port

    def resolve(host: str, asked: int, type: int) -> list[Any]:
        return [(socket.AF_INET, type, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    assert post(f"http://receiver.example:{port}", resolve=resolve) is None
    assert receiving.taken[0].headers["host"] == f"receiver.example:{port}"


# Addresses inside


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]", "169.254.169.254"])
def test_an_address_inside_is_not_called(host: str) -> None:
    assert "expected a host with public addresses only" in str(post(f"https://{host}/", public_only=True))


def test_a_name_that_changes_its_address_after_the_check_is_not_called() -> None:
    """GIVEN a name server that gives a public address first, as at the registration, and then one inside."""
    answers = iter(["8.8.8.8", "127.0.0.1"])

    def resolve(host: str, port: int, type: int) -> list[Any]:
        return [(socket.AF_INET, type, 6, "", (next(answers), port))]

    Targets(public_only=True, resolve=resolve).check("https://rebind.example/")
    assert "public addresses only, was rebind.example at 127.0.0.1" in str(
        post("https://rebind.example/", public_only=True, resolve=resolve)
    )


def test_the_address_that_was_checked_is_called_and_the_name_not_resolved_again(receiving: Receiver) -> None:
    port, asked = urlsplit(receiving.url).port, []

    def resolve(host: str, port: int, type: int) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, type, 6, "", ("127.0.0.1", port))]

    assert post(f"http://receiver.example:{port}/", resolve=resolve) is None
    assert asked == ["receiver.example"]


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


def test_a_certificate_of_an_unknown_authority_is_refused(receiving: Receiver, authority: Authority) -> None:
    with tls_in_front(("127.0.0.1", urlsplit(receiving.url).port or 0), authority, postgres=False) as port:
        assert "certificate verify failed" in str(post(f"https://localhost:{port}"))
        assert receiving.attempts == []


def test_the_certificate_must_be_of_the_name_that_was_registered(
    receiving: Receiver, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a system that trusts our authority, and a receiver with a certificate for `localhost`."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))

    def resolve(host: str, port: int, type: int) -> list[Any]:
        return [(socket.AF_INET, type, 6, "", ("127.0.0.1", port))]

    with tls_in_front(("127.0.0.1", urlsplit(receiving.url).port or 0), authority, postgres=False) as port:
        assert "Hostname mismatch" in str(post(f"https://receiver.example:{port}", resolve=resolve))
        assert receiving.attempts == []
        assert post(f"https://localhost:{port}", resolve=resolve) is None
        assert [message.body for message in receiving.taken] == [BODY]


def redirect(status: int, location: str) -> Callable[[socket.socket, threading.Event], None]:
    answer = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    return lambda connection, closing: connection.sendall(answer)


@contextmanager
def answering(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """Takes one connection, reads the request, and answers with what the function sends."""
    closing = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            # The sender may have had enough.
            with suppress(OSError):
                answer(connection, closing)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            closing.set()
            thread.join()
