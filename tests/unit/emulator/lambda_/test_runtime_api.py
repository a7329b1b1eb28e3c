from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from emulator.lambda_.runtime_api import ERROR, HEAD, MAX_PAYLOAD, MAX_RESPONSE, NOT_LOADED, READY, RESULT, Connection


@dataclass
class FakeEnvironment:
    calls: list[tuple[str, bytes | None]] = field(default_factory=list)

    def free(self) -> None:
        self.calls.append(("free", None))

    def answer(self, payload: bytes | None, *, error: bool) -> None:
        self.calls.append(("error" if error else "result", payload))

    def fail_initialization(self, payload: bytes) -> None:
        self.calls.append(("not loaded", payload))


def check(scenario: Callable[[FakeEnvironment, Connection, socket.socket], Awaitable[None]]) -> FakeEnvironment:
    async def main() -> FakeEnvironment:
        environment = FakeEnvironment()
        connection = Connection(environment)
        connection.theirs.setblocking(False)
        with connection.theirs as process:
            await scenario(environment, connection, process)
            connection.close()
        return environment

    return asyncio.run(main())


async def send(process: socket.socket, kind: bytes, content: bytes = b"", parts: int = 1) -> None:
    sent = HEAD.pack(kind, len(content)) + content
    size = -(-len(sent) // parts)
    for start in range(0, len(sent), size):
        await asyncio.get_running_loop().sock_sendall(process, sent[start : start + size])
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("parts", [1, 3, 12])
def test_a_message_may_come_in_parts(parts: int) -> None:
    async def scenario(environment: FakeEnvironment, _: Connection, process: socket.socket) -> None:
        await send(process, READY, parts=parts)
        await send(process, RESULT, b'{"n": 1}', parts)
        await send(process, ERROR, b"{}", parts)
        await send(process, NOT_LOADED, b"[]", parts)
        free = ("free", None)
        assert environment.calls == [free, ("result", b'{"n": 1}'), free, ("error", b"{}"), free, ("not loaded", b"[]")]

    check(scenario)


@pytest.mark.parametrize(("size", "kept"), [(0, True), (MAX_RESPONSE, True), (MAX_RESPONSE + 1, False)])
def test_an_answer_over_the_limit_is_not_kept(size: int, kept: bool) -> None:
    async def scenario(environment: FakeEnvironment, _: Connection, process: socket.socket) -> None:
        answer = b"x" * size
        await send(process, RESULT, answer)
        await send(process, RESULT, b"next")
        first = answer if kept else None
        assert environment.calls == [("result", first), ("free", None), ("result", b"next"), ("free", None)]

    check(scenario)


def test_an_event_of_the_maximum_size_arrives_whole() -> None:
    async def scenario(_: FakeEnvironment, connection: Connection, process: socket.socket) -> None:
        event = bytes(range(256)) * (MAX_PAYLOAD // 256)
        expected = b"%d id 1700000000000 Root=1 arn\n" % len(event) + event
        for _time in range(2):
            connection.give(event, "id", 1700000000000, "Root=1", "arn")
            received = bytearray()
            async with asyncio.timeout(10):
                while len(received) < len(expected):
                    received += await asyncio.get_running_loop().sock_recv(process, 1 << 20)
            assert received == expected

    check(scenario)


def test_the_last_answer_of_a_process_that_has_ended_counts() -> None:
    async def scenario(environment: FakeEnvironment, connection: Connection, process: socket.socket) -> None:
        process.sendall(HEAD.pack(RESULT, 1) + b"1")
        process.close()
        assert environment.calls == []

    assert check(scenario).calls == [("result", b"1")]


def test_an_invocation_for_a_process_that_has_just_ended_is_dropped() -> None:
    async def scenario(environment: FakeEnvironment, connection: Connection, process: socket.socket) -> None:
        process.close()
        connection.give(b"{}", "id", 0, "Root=1", "arn")
        await asyncio.sleep(0.01)
        assert environment.calls == []

    check(scenario)
