"""Ports: the addresses they listen on, and requests that do not arrive whole."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import pytest
import uvloop
from aiohttp import web

from emulator.apigateway import gateway
from emulator.apigateway.gateway import GatewayError
from emulator.common import requests, serving
from emulator.common.errors import ApiError
from emulator.common.serving import HttpServer, StartError, listening, url

DEADLINE = 0.2
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
LATE_HEAD = b'{"message": "the request\'s headers did not arrive within 0 s"}'

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(autouse=True)
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", DEADLINE)
    monkeypatch.setattr(serving, "BODY_SECONDS", DEADLINE)


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    """Answers `/slow` later than any deadline, and reads bodies as the two kinds of ports do.

    `/early` does not read its body. `/busy` holds the loop for longer than any deadline when a request has just come.
    """
    if request.path == "/slow":
        await asyncio.sleep(3 * DEADLINE)
        return web.Response(text="slow")
    if request.path == "/early":
        return web.Response(text="early")
    if request.path == "/busy":
        await occupy(request)
        return web.Response(text="busy")
    try:
        body = await (gateway.read_body(request, 1000) if request.path == "/gateway" else requests.read_body(request))
    except (ApiError, GatewayError) as error:
        return web.Response(status=error.status, text=error.message)
    return web.Response(body=body or b"none")


async def occupy(request: web.BaseRequest) -> None:
    assert request.transport is not None
    with socket.create_connection(request.transport.get_extra_info("sockname")) as other:
        await asyncio.sleep(DEADLINE / 4)
        other.sendall(HEAD + b"\r\n")
        await asyncio.sleep(0)  # it is read, but not handled
        time.sleep(2 * DEADLINE)  # noqa: ASYNC251 - as on a machine that has no time for it
        await asyncio.sleep(DEADLINE / 4)
        received = other.recv(1000, socket.MSG_DONTWAIT)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n"), received


def serve(scenario: Callable[[Callable[[], Awaitable[Connection]]], Awaitable[None]]) -> None:
    async def main() -> None:
        with listening("127.0.0.1", 0, "tests", "--none") as listeners:
            server = HttpServer(answer, listeners)
            await server.start()
            opened: list[asyncio.StreamWriter] = []

            async def connect() -> Connection:
                reader, writer = await asyncio.open_connection(*listeners[0].getsockname())
                opened.append(writer)
                return reader, writer

            try:
                async with asyncio.timeout(30):
                    await scenario(connect)
            finally:
                for writer in opened:
                    writer.close()
                await server.close(0)

    uvloop.run(main())


@pytest.mark.parametrize("sent", [HEAD, b"\x00", HEAD + b"X-Long: " + b"a" * 1000], ids=len)
def test_half_a_head_is_answered_with_408_after_its_deadline(sent: bytes) -> None:
    async def scenario(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = await connect()
        writer.write(sent)
        received = await reader.read()
        assert received.startswith((b"HTTP/1.1 408 Request Timeout\r\n", b"HTTP/1.0 400 "))
        assert not received.startswith(b"HTTP/1.1 408") or received.endswith(LATE_HEAD)

    serve(scenario)


def test_a_silent_connection_is_closed_without_an_answer() -> None:
    async def scenario(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, _ = await connect()
        assert await reader.read() == b""

    serve(scenario)


def test_a_head_that_drips_in_has_the_same_deadline() -> None:
    async def scenario(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = await connect()
        reading = asyncio.ensure_future(reader.read())
        writer.write(HEAD + b"X-Slow: ")
        while not reading.done():
            writer.write(b"a")
            await asyncio.sleep(0.4 * DEADLINE)  # a byte that crosses the answer would reset the connection
        assert reading.result().endswith(LATE_HEAD)

    serve(scenario)


@pytest.mark.parametrize("path", ["/", "/gateway"])
@pytest.mark.parametrize("length", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
def test_half_a_body_is_answered_with_408_after_its_deadline(path: str, length: bytes) -> None:
    async def scenario(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = await connect()
        writer.write(b"POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n5" % (path.encode(), length))
        assert (await reader.read()).startswith(b"HTTP/1.1 408 Request Timeout\r\n")

    serve(scenario)


def test_a_slow_handler_and_an_idle_connection_have_no_deadline() -> None:
    async def scenario(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = await connect()
        for _ in range(2):
            writer.write(HEAD.replace(b"/ ", b"/slow ", 1) + b"\r\n")
            received = await reader.readuntil(b"slow")
            assert received.startswith(b"HTTP/1.1 200 OK\r\n")
            await asyncio.sleep(2 * DEADLINE)

    serve(scenario)


@pytest.mark.parametrize("path", ["/", "/gateway"])
def test_a_connection_on_which_bodies_have_come_may_be_idle(path: str) -> None:
    async def scenario(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = await connect()
        for _ in range(2):
            writer.write(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody" % path.encode())
            assert (await reader.readuntil(b"body")).startswith(b"HTTP/1.1 200 OK\r\n")
            await asyncio.sleep(2 * DEADLINE)

    serve(scenario)


def test_a_body_that_comes_after_the_answer_is_not_taken_for_the_next_request() -> None:
    async def scenario(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = await connect()
        writer.write(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
        await reader.readuntil(b"early")
        writer.write(b"ok")
        await asyncio.sleep(2 * DEADLINE)
        writer.write(HEAD + b"\r\n")
        assert (await reader.readuntil(b"none")).startswith(b"HTTP/1.1 200 OK\r\n")

    serve(scenario)


def test_a_head_that_has_come_whole_is_in_time_however_late_it_is_handled() -> None:
    async def scenario(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = await connect()
        writer.write(HEAD.replace(b"/ ", b"/busy ", 1) + b"\r\n")
        assert (await reader.readuntil(b"busy")).startswith(b"HTTP/1.1 200 OK\r\n")

    serve(scenario)


@pytest.mark.parametrize("early", [True, False])
def test_half_a_second_request_has_a_deadline_too(early: bool) -> None:
    async def scenario(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = await connect()
        writer.write(HEAD.replace(b"/ ", b"/slow ", 1) + b"\r\n")
        if early:
            await asyncio.sleep(DEADLINE / 4)
            writer.write(HEAD)
        await reader.readuntil(b"slow")
        if not early:
            writer.write(HEAD)
        assert (await reader.read()).endswith(LATE_HEAD)

    serve(scenario)


def test_both_loopback_addresses_have_the_port() -> None:
    with listening("127.0.0.1", 0, "tests", "--none") as listeners:
        names = [bound.getsockname()[:2] for bound in listeners]
        assert names == [("127.0.0.1", names[0][1]), ("::1", names[0][1])]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken_at_either_address_is_refused(host: str) -> None:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as taken:
        port = taken.getsockname()[1]
        expected = f"port {port} for tests is not free .*: choose another with --none"
        with pytest.raises(StartError, match=expected), listening("127.0.0.1", port, "tests", "--none"):
            pass


@pytest.mark.parametrize(("host", "loopback"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]")])
def test_the_url_of_every_address_is_that_of_loopback(host: str, loopback: str) -> None:
    with listening(host, 0, "tests", "--port") as bound:
        assert url("http", bound) == f"http://{loopback}:{bound[0].getsockname()[1]}"


def test_any_other_address_is_taken_alone() -> None:
    for host in ("::1", "127.0.0.2"):
        with listening(host, 0, "tests", "--none") as listeners:
            assert [bound.getsockname()[0] for bound in listeners] == [host]
