"""The client against a service that closes connections, repeats messages and sends malformed answers."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from contract.examples import EXAMPLES
from order_engine_cli.target import Target, find
from order_engine_client import AsyncClient, NotFound, Refused, Unreachable, transport
from order_engine_client.fields import Json
from tests.unit.client.services import INTERNAL_ERROR, ORDER, UNKNOWN, event, service, serving, ticket


async def seqs(engine: AsyncClient, after: int = 0) -> list[int]:
    return [event["seq"] async for event in engine.follow(ORDER, after)]


def test_a_lost_connection_is_restored_and_missed_events_are_requested() -> None:
    async def scenario() -> None:
        asked: list[Json] = []
        lost, replayed = [event(1), event(2)], [event(2), event(3), event(4, "confirmed")]
        async with service(lost, [], replayed, asked=asked) as engine:
            assert await seqs(engine) == [1, 2, 3, 4]
        assert [message["after"] for message in asked] == [0, 2, 2]

    asyncio.run(scenario())


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_a_message_that_is_not_the_services_is_a_lost_connection(unknown: object) -> None:
    """GIVEN a connection that stays open after it, as API Gateway's does."""

    async def scenario() -> None:
        asked: list[Json] = []
        messages = [event(1), unknown, event(2)]
        async with service(messages, [event(2), event(3, "confirmed")], asked=asked, stays_open=True) as engine:
            assert await seqs(engine) == [1, 2, 3]
        assert [message["after"] for message in asked] == [0, 1]

    asyncio.run(scenario())


@pytest.mark.parametrize("first", [[event(1), event(2), event(5, "confirmed")], [event(2)], [event(3, "failed")]])
def test_no_event_is_yielded_after_a_gap(first: list[Json]) -> None:
    async def scenario() -> None:
        asked: list[Json] = []
        life = [event(seq) for seq in (1, 2, 3, 4)] + [event(5, "confirmed")]
        async with service(first, life, asked=asked, stays_open=True) as engine:
            assert await seqs(engine) == [1, 2, 3, 4, 5]
        seen = [one["seq"] for one in first if one["seq"] < 3 and first[0]["seq"] == 1]
        assert [message["after"] for message in asked] == [0, len(seen)]

    asyncio.run(scenario())


def test_a_loss_after_a_long_silence_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an order that waited longer than a lost connection may take to be restored."""

    async def scenario() -> None:
        loop, late = asyncio.get_running_loop(), [0.0]
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + late[0])
        async with service([event(1), event(3)], [event(2, "confirmed")]) as engine:
            watched = engine.follow(ORDER)
            assert (await anext(watched))["seq"] == 1
            late[0] = 0.5
            monkeypatch.setattr(transport, "PATIENCE_SECONDS", 0.4)
            assert (await anext(watched))["seq"] == 2

    asyncio.run(scenario())


def test_a_service_that_sends_only_unknown_messages_ends_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PATIENCE_SECONDS", 0.05)

    async def scenario() -> None:
        async with service(*[[INTERNAL_ERROR]] * 100, stays_open=True) as engine:
            with pytest.raises(Unreachable, match="expected a message of the service, was .*Internal server error"):
                await seqs(engine)

    asyncio.run(scenario())


def test_a_client_that_was_disconnected_comes_back_although_too_many_do() -> None:
    """GIVEN a service that throttles handshakes, as API Gateway does when many clients come back at once."""

    async def scenario() -> None:
        handshakes = 0

        async def socket(request: web.Request) -> web.StreamResponse:
            nonlocal handshakes
            handshakes += 1
            if handshakes == 2:
                return web.Response(status=429)
            response = web.WebSocketResponse()
            await response.prepare(request)
            await response.send_json(event(handshakes) if handshakes == 1 else event(2, "confirmed"))
            return response

        async with serving({"/api/ws-ticket": ticket, "/socket": socket}) as engine:
            assert await seqs(engine) == [1, 2]
        assert handshakes == 3

    asyncio.run(scenario())


@pytest.mark.parametrize("last", ["confirmed", "failed", "cancelled", "expired"])
def test_the_watch_ends_with_the_order(last: str) -> None:
    """GIVEN an order that was open twice before it ended."""

    async def scenario() -> None:
        async with service([event(1, "open"), event(2, "pending"), event(3, "open"), event(4, last)]) as engine:
            assert await seqs(engine) == [1, 2, 3, 4]

    asyncio.run(scenario())


def test_repeated_events_and_those_of_other_orders_are_skipped() -> None:
    async def scenario() -> None:
        messages = [event(1), event(1), event(9, order="another"), {"action": "pong"}, event(2, "failed"), event(3)]
        async with service(messages) as engine:
            assert await seqs(engine) == [1, 2]

    asyncio.run(scenario())


def test_an_error_message_ends_the_watch() -> None:
    async def scenario() -> None:
        error = {"error": {"code": "OrderNotFound", "message": "no order with this id", "details": []}}
        async with service([error]) as engine:
            with pytest.raises(NotFound, match="no order with this id"):
                await seqs(engine)

    asyncio.run(scenario())


def test_a_short_outage_of_the_store_does_not_end_the_watch() -> None:
    async def scenario() -> None:
        error = {"error": {"code": "StoreUnavailable", "message": "Postgres does not answer", "details": []}}
        async with service([error], [event(1, "confirmed")]) as engine:
            assert await seqs(engine) == [1]

    asyncio.run(scenario())


def test_the_watch_ends_when_the_service_stays_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PATIENCE_SECONDS", 0.05)

    async def scenario() -> None:
        async def gone(_: web.Request) -> web.Response:
            return web.Response(status=502)

        async with serving({"/api/ws-ticket": ticket, "/socket": gone}) as engine:
            with pytest.raises(Refused):
                await seqs(engine)

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_unanswered_request_is_repeated_with_the_same_key(status: int) -> None:
    async def scenario() -> None:
        keys = []

        async def execute(request: web.Request) -> web.Response:
            keys.append(request.headers["Idempotency-Key"])
            unavailable = {"error": {"code": "StoreUnavailable", "message": "…", "details": []}}
            if len(keys) < 3:
                return web.json_response(unavailable, status=status)
            return web.json_response(EXAMPLES["accepted"], status=202)

        async with serving({"/api/orders/execute": execute}) as engine:
            await engine.submit({})
            assert len(keys) == 3
            assert len(set(keys)) == 1
            await engine.submit({})
        assert len(set(keys)) == 2

    asyncio.run(scenario())


def test_all_orders_are_cancelled_in_as_many_requests_as_it_takes() -> None:
    async def scenario() -> None:
        asked = []

        async def cancel(request: web.Request) -> web.Response:
            asked.append((request.method, dict(request.query)))
            return web.json_response({"cancelled": [str(len(asked))], "complete": len(asked) == 3})

        async with serving({"/api/orders": cancel}) as engine:
            assert await engine.cancel_all(token_pair="SOL-USDC", type="limit") == ["1", "2", "3"]
        assert asked == [("DELETE", {"tokenPair": "SOL-USDC", "type": "limit"})] * 3

    asyncio.run(scenario())


@pytest.mark.parametrize("answer", [web.Response, lambda: web.Response(text="<html>"), lambda: web.json_response([1])])
def test_an_answer_in_another_format_is_unreachable(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[], web.Response]
) -> None:
    monkeypatch.setattr(transport, "ATTEMPTS", 1)

    async def scenario() -> None:
        async def anything(_: web.Request) -> web.Response:
            return answer()

        async with serving({"/api/orders": anything}) as engine:
            with pytest.raises(Unreachable):
                await engine.orders()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:3000", "ftp://127.0.0.1", "http://", "http://example.com", "http://10.0.0.1"]
)
def test_a_key_is_not_sent_in_clear_text_to_another_machine(url: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        AsyncClient(url, "oee_key")


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "http://127.0.0.2", "http://[::1]:3000/", "https://example.com/v1"]
)
def test_a_key_is_sent_to_this_machine_and_over_https(url: str) -> None:
    AsyncClient(url, "oee_key")


def test_the_key_of_the_local_stack_is_used_for_no_other(tmp_path: Path) -> None:
    assert find(None, "mine", tmp_path) is None
    assert find("https://there", None, tmp_path) == Target("https://there", None)

    with (tmp_path / "running.json").open("w") as running:
        running.write('{"rest": "http://127.0.0.1:3000", "parameters": {"DevelopmentKey": "here"}}')
        running.flush()
        fcntl.flock(running, fcntl.LOCK_EX)
        assert find(None, None, tmp_path) == Target("http://127.0.0.1:3000", "here")
        assert find("http://127.0.0.1:3000/", None, tmp_path) == Target("http://127.0.0.1:3000", "here")
        assert find(None, "mine", tmp_path) == Target("http://127.0.0.1:3000", "mine")
        assert find("https://there", None, tmp_path) == Target("https://there", None)
        assert find("https://there", "mine", tmp_path) == Target("https://there", "mine")


def test_the_file_of_a_killed_stack_is_not_trusted(tmp_path: Path) -> None:
    running = '{"rest": "http://127.0.0.1:3000", "parameters": {"DevelopmentKey": "here"}}'
    (tmp_path / "running.json").write_text(running)

    assert find(None, None, tmp_path) is None
    assert find("http://127.0.0.1:3000", None, tmp_path) == Target("http://127.0.0.1:3000", None)
