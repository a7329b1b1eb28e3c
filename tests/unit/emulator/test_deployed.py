from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web

from emulator.apigateway.records import Authorizer, WebSocketApi
from emulator.apigateway.websocket_api import WebSocketGateway
from emulator.common.errors import ApiError
from emulator.deployed import DeployedFunctions, Deployment
from tests.support.emulator.gateways import serving

ALLOWED = {
    "principalId": "alice",
    "policyDocument": {"Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]},
}
API = WebSocketApi("Sockets", "v1", {"$connect": "Talk", "$default": "Talk"}, authorizer=Authorizer("Key", "Admit"))


@dataclass
class Provider:
    """A fake of CloudFormation and Lambda with one stack, `shop`."""

    names: dict[str, str]
    answers: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        if request.path == "/":
            query = {name: value for name, (value,) in parse_qs(body.decode()).items()}
            assert (query["Action"], query["StackName"]) == ("DescribeStackResource", "shop")
            physical = self.names.get(query["LogicalResourceId"])
            if physical is None:
                return self._xml("<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>", 400)
            detail = f"<StackResourceDetail><PhysicalResourceId>{physical}</PhysicalResourceId></StackResourceDetail>"
            answer = f"<DescribeStackResourceResult>{detail}</DescribeStackResourceResult>"
            return self._xml(f"<DescribeStackResourceResponse>{answer}</DescribeStackResourceResponse>", 200)
        name = request.path.removeprefix("/2015-03-31/functions/").removesuffix("/invocations")
        if name not in self.answers:
            headers = {"x-amzn-ErrorType": "ResourceNotFoundException"}
            return web.json_response({"Message": f"Function not found: {name}"}, status=404, headers=headers)
        self.events.append(json.loads(body))
        answer = self.answers[name]
        if isinstance(answer, str):
            headers = {"X-Amz-Function-Error": "Unhandled"}
            return web.json_response({"errorType": answer, "errorMessage": ""}, headers=headers)
        return web.json_response(answer)

    @staticmethod
    def _xml(body: str, status: int) -> web.Response:
        return web.Response(text=body, status=status, content_type="text/xml")


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anyone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")


@asynccontextmanager
async def functions_of(provider: Provider) -> AsyncIterator[DeployedFunctions]:
    async with serving(provider.handle) as port:
        functions = DeployedFunctions(Deployment("shop", f"http://127.0.0.1:{port}"))
        try:
            yield functions
        finally:
            await functions.close(0)


def test_a_websocket_api_is_served_with_functions_that_are_deployed_elsewhere() -> None:
    async def scenario() -> None:
        provider = Provider(
            {"Talk": "shop-Talk-1X", "Admit": "shop-Admit-2Y"},
            {"shop-Talk-1X": {"statusCode": 200}, "shop-Admit-2Y": ALLOWED},
        )
        async with functions_of(provider) as functions:
            gateway = WebSocketGateway(API, functions)
            async with serving(gateway.handle) as port, aiohttp.ClientSession() as session:
                async with session.ws_connect(f"ws://127.0.0.1:{port}") as socket:
                    await socket.send_str("hello")
                    connection = provider.events[0]["requestContext"]["connectionId"]
                    url = f"http://127.0.0.1:{port}/@connections/{connection}"
                    assert (await session.post(url, data=b"news")).status == 200
                    assert await socket.receive_str() == "news"
                await gateway.close(5)
        asked, connected, *_ = provider.events
        assert asked["methodArn"].endswith("Sockets/v1/$connect")
        assert connected["requestContext"]["authorizer"]["principalId"] == "alice"

    asyncio.run(scenario())


def test_a_function_error_is_reported() -> None:
    async def scenario() -> None:
        provider = Provider({"Good": "good", "Bad": "bad"}, {"good": {"a": 1}, "bad": "SlippageExceeded"})
        async with functions_of(provider) as functions:
            good = await functions.invoke("Good", b"{}")
            assert (good.payload, good.error) == (b'{"a": 1}', False)
            bad = await functions.invoke("Bad", b"{}")
            assert bad.error
            assert json.loads(bad.payload)["errorType"] == "SlippageExceeded"

    asyncio.run(scenario())


def test_a_stack_is_found_after_a_later_or_another_deployment() -> None:
    async def scenario() -> None:
        provider = Provider({}, {"first": 1, "second": 2})
        async with functions_of(provider) as functions:
            with pytest.raises(ApiError, match="ValidationError"):
                await functions.invoke("Good", b"{}")
            provider.names["Good"] = "first"
            assert (await functions.invoke("Good", b"{}")).payload == b"1"
            del provider.answers["first"]
            provider.names["Good"] = "second"
            with pytest.raises(ApiError, match="Function not found: first"):
                await functions.invoke("Good", b"{}")
            assert (await functions.invoke("Good", b"{}")).payload == b"2"

    asyncio.run(scenario())


def test_an_unreachable_provider_raises_an_api_error() -> None:
    async def scenario() -> None:
        functions = DeployedFunctions(Deployment("shop", "http://127.0.0.1:1"))
        with pytest.raises(ApiError, match="Could not connect"):
            await functions.invoke("Good", b"{}")
        await functions.close(0)

    asyncio.run(scenario())
