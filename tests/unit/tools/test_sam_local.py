from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import pytest

from tools.sam_local import Engine, SamLocalError, Target, declare, reachable, relay, relayed_url


@pytest.mark.parametrize(
    ("url", "target", "local"),
    [
        ("http://127.0.0.1:4566", Target("127.0.0.1", 4566), True),
        ("http://localhost", Target("localhost", 80), True),
        ("redis://[::1]/0", Target("::1", 6379), True),
        ("rediss://cache.example.com:6380", Target("cache.example.com", 6380), False),
        ("postgresql://me:secret@10.0.0.5/orders", Target("10.0.0.5", 5432), False),
        ("postgresql://postgres:@/postgres?host=/data/postgres", Target("/data/postgres", 5432), True),
        ("postgresql:///orders?host=127.0.0.1&port=6000", Target("127.0.0.1", 6000), True),
        ("postgresql:///orders", Target("localhost", 5432), True),
    ],
)
def test_a_url_is_local_if_only_this_machine_can_reach_it(url: str, target: Target, local: bool) -> None:
    assert Target.of(url) == target
    assert Target.of(url).local == local


@pytest.mark.parametrize("url", ["unix:///run/redis.sock", "host=/data dbname=orders"])
def test_a_url_with_another_scheme_is_refused(url: str) -> None:
    with pytest.raises(SamLocalError, match="^expected a URL with a scheme among http, https, postgres, "):
        Target.of(url)


@pytest.mark.parametrize(
    ("url", "relayed"),
    [
        ("http://127.0.0.1:4566", "http://host.docker.internal:7"),
        ("redis://:p%40ss@localhost/1", "redis://:p%40ss@host.docker.internal:7/1"),
        (
            "postgresql://me:@/orders?host=/data&sslmode=disable",
            "postgresql://me:@host.docker.internal:7/orders?sslmode=disable",
        ),
    ],
)
def test_a_relayed_url_changes_only_the_address(url: str, relayed: str) -> None:
    assert relayed_url(url, 7) == relayed


async def _reached(variables: dict[str, str]) -> tuple[dict[str, str], list[Target]]:
    relayed: list[Target] = []

    async def port(target: Target) -> int:
        relayed.append(target)
        return len(relayed)

    found = await reachable({"First": variables, "Second": variables}, port)
    assert found["First"] == found["Second"]
    return found["First"], relayed


def test_functions_share_one_relay_for_each_target() -> None:
    variables = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "REDIS_URL": "redis://cache.example.com",
        # Only clients connect to it.
        "WEBSOCKET_URL": "ws://127.0.0.1:3001",
    }
    reached, relayed = asyncio.run(_reached(variables))
    assert reached == variables | {"AWS_ENDPOINT_URL": "http://host.docker.internal:1"}
    assert relayed == [Target("127.0.0.1", 4566)]


@pytest.mark.parametrize(
    ("urls", "reached"),
    [
        ("http://127.0.0.1:8899", "http://host.docker.internal:1"),
        (
            "https://node.example/?key=1, http://127.0.0.1:8899",
            "https://node.example/?key=1,http://host.docker.internal:1",
        ),
        (
            "arn:aws:secretsmanager:us-east-1:1:secret:node-AbCdEf",
            "arn:aws:secretsmanager:us-east-1:1:secret:node-AbCdEf",
        ),
        ("", ""),
    ],
)
def test_each_local_node_is_reached_through_a_relay(urls: str, reached: str) -> None:
    assert asyncio.run(_reached({"SOLANA_RPC_URL": urls}))[0] == {"SOLANA_RPC_URL": reached}


def test_variables_that_the_template_does_not_declare_are_declared() -> None:
    template: dict[str, Any] = {
        "Globals": {"Function": {"Environment": {"Variables": {"A": {"Ref": "X"}}}}},
        "Resources": {"One": {"Properties": {"Environment": {"Variables": {"B": "b"}}}}, "Two": {}, "Queue": {}},
    }
    declared = declare(template, {"One": {"A": "1", "B": "2", "C": "3"}, "Two": {"C": "3"}})["Resources"]
    assert declared["One"]["Properties"]["Environment"]["Variables"] == {"B": "b", "C": ""}
    assert declared["Two"]["Properties"]["Environment"]["Variables"] == {"C": ""}
    assert declared["Queue"] == {}


@pytest.mark.parametrize(("peers", "answer"), [("127.0.0.0/8", b"ECHO"), ("172.17.0.0/16", b"")])
def test_a_relay_accepts_connections_from_containers_only(peers: str, answer: bytes) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        await writer.drain()
        writer.close()

    async def asked() -> bytes:
        there = await asyncio.start_server(shout, "127.0.0.1", 0)
        engine = Engine("x86_64", "127.0.0.1", ipaddress.ip_network(peers), "127.0.0.1")
        here = await relay(Target("127.0.0.1", there.sockets[0].getsockname()[1]), engine)
        reader, writer = await asyncio.open_connection("127.0.0.1", here.sockets[0].getsockname()[1])
        writer.write(b"echo")
        writer.write_eof()
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()
            here.close()
            there.close()

    assert asyncio.run(asked()) == answer
