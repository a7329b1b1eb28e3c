"""What the gateways note of their requests and connections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import uvloop

from emulator.apigateway.records import Authorizer, RestApi, Route, WebSocketApi
from emulator.apigateway.rest_api import RestGateway
from emulator.apigateway.traffic import Call, Traffic
from emulator.apigateway.websocket_api import WebSocketGateway
from emulator.lambda_.functions import Invocation
from tests.support.emulator.gateways import Event, Functions, serving
from tests.support.emulator.rest_client import ANY_ROUTES
from tests.support.emulator.rest_client import Client as RestClient
from tests.support.emulator.websocket_client import OK, ROUTES, Setting, ok


class Named(Functions):
    """Functions whose requests have ids: the function's name, and how many invocations there have been."""

    async def invoke(self, name: str, payload: bytes, /) -> Invocation:
        invocation = await super().invoke(name, payload)
        return replace(invocation, request_id=f"{name}-{len(self.events)}")


def fail(event: Event) -> Event:
    raise ValueError("no luck")


def rest(scenario: Callable[[RestClient, Traffic], Any], *routes: Route) -> None:
    async def main() -> None:
        functions, traffic = Named(echo=ok, fail=fail), Traffic()
        gateway = RestGateway(RestApi("Api", "v1", routes), functions, traffic=traffic)
        async with serving(gateway.handle) as port, aiohttp.ClientSession() as session:
            await scenario(RestClient(port, session, functions), traffic)

    uvloop.run(main())


def websocket(scenario: Callable[[Setting, Traffic], Any], authorizer: Authorizer | None = None) -> None:
    async def main() -> None:
        functions, traffic = Named(connect=ok, disconnect=ok, default=ok, fail=fail, refuse=refuse), Traffic()
        api = WebSocketApi("Sockets", "v1", {**ROUTES, "break": "fail"}, authorizer=authorizer)
        gateway = WebSocketGateway(api, functions, traffic=traffic)
        async with serving(gateway.handle) as port, aiohttp.ClientSession() as session:
            try:
                await scenario(Setting(port, session, functions, gateway), traffic)
            finally:
                await gateway.close(5)

    uvloop.run(main())


def refuse(event: Event) -> Event:
    return {"context": {}}


def said(call: Call) -> tuple[str, str, str, str, int, str, str]:
    return call.api, call.method, call.path, call.query, call.status, call.function, call.request_id


def test_requests_are_noted_with_their_answers() -> None:
    async def scenario(client: RestClient, traffic: Traffic) -> None:
        await client("/orders?limit=1&a=b")
        await client("/broken", "POST", data=b"{}")
        await client("/unknown")

        assert [said(call) for call in traffic.calls] == [
            ("REST", "GET", "/orders", "limit=1&a=b", 200, "echo", "echo-1"),
            ("REST", "POST", "/broken", "", 502, "fail", "fail-2"),
            ("REST", "GET", "/unknown", "", 403, "", ""),
        ]
        assert all(call.milliseconds > 0 for call in traffic.calls)
        moments = [call.at for call in traffic.calls]
        assert moments == sorted(moments)

    rest(scenario, Route("GET", "/orders", "echo"), Route("POST", "/broken", "fail"))


def test_the_last_thousand_requests_are_kept() -> None:
    async def scenario(client: RestClient, traffic: Traffic) -> None:
        for number in range(1_002):
            traffic.ended(Call("REST", "GET", f"/{number}"), 200)
        await client("/last")

        assert len(traffic.calls) == 1_000
        assert (traffic.calls[0].path, traffic.calls[-1].path) == ("/3", "/last")

    rest(scenario, *ANY_ROUTES)


def test_connects_messages_and_disconnects_are_noted() -> None:
    async def scenario(at: Setting, traffic: Traffic) -> None:
        socket, identifier = await at.connected("/v1?ticket=t")
        (connection,) = traffic.connections.values()
        assert (connection.id, connection.received, connection.sent) == (identifier, 0, 0)
        before = connection.last_active_at

        await socket.send_str("hello")
        await socket.send_str('{"action": "break"}')
        await socket.receive()  # the gateway's notice of the failure
        assert (await at.manage("POST", identifier, b"x"))[0] == 200
        await socket.receive()
        assert (connection.received, connection.sent) == (2, 2)
        assert connection.last_active_at > before

        await socket.close()
        await at.gateway.close(5)
        assert traffic.connections == {}
        assert [said(call) for call in traffic.calls] == [
            ("WebSocket", "$connect", "/", "ticket=t", 101, "connect", "connect-1"),
            ("WebSocket", "$default", "", "", OK["statusCode"], "default", "default-2"),
            ("WebSocket", "break", "", "", 502, "fail", "fail-3"),
            ("WebSocket", "$disconnect", "", "", 200, "disconnect", "disconnect-4"),
        ]
        assert {call.connection_id for call in traffic.calls} == {identifier}

    websocket(scenario)


@pytest.mark.parametrize(
    ("path", "authorizer", "status"),
    [("/v1/other", None, 403), ("/v1", Authorizer("Refusing", "refuse"), 500)],
    ids=["path", "authorizer"],
)
def test_refused_connects_are_noted(path: str, authorizer: Authorizer | None, status: int) -> None:
    async def scenario(at: Setting, traffic: Traffic) -> None:
        refused, _, _ = await at.refused(path)
        (call,) = traffic.calls
        assert (call.method, call.status, call.function, traffic.connections) == ("$connect", refused, "", {})
        assert refused == status

    websocket(scenario, authorizer)
