"""Requests and responses of the REST API."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from typing import Any

import aiohttp
import pytest

from emulator.apigateway.records import GatewayResponse, RestApi, Route
from emulator.apigateway.rest_api import RestGateway
from emulator.common.errors import ApiError
from emulator.common.trace import TRACE
from tests.support.emulator.gateways import Event, Functions, serving
from tests.support.emulator.rest_client import ANY_ROUTES, Client, answering, echo, run


def test_the_function_gets_the_request_as_a_proxy_event() -> None:
    async def scenario(request: Client) -> Event:
        headers = [("X-Many", "1"), ("X-Many", "2"), ("User-Agent", "tests/1"), ("Content-Type", "text/plain")]
        status, _, event = await request(
            "/v1/orders/a%20b%2Fc?q=1&q=%C3%A9+x&empty&z=%26", "POST", headers=headers, data="ä"
        )
        assert status == 200
        assert isinstance(event, dict)
        return event

    event = run(scenario, routes=(Route("POST", "/orders/{orderId}", "echo"),))

    context = event["requestContext"]
    headers, multi_headers = event["headers"], event["multiValueHeaders"]
    assert event["resource"] == "/orders/{orderId}"
    assert event["path"] == "/orders/a%20b%2Fc"
    assert event["httpMethod"] == "POST"
    assert event["pathParameters"] == {"orderId": "a%20b%2Fc"}
    assert event["queryStringParameters"] == {"q": "é x", "empty": "", "z": "&"}
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "é x"], "empty": [""], "z": ["&"]}
    assert event["stageVariables"] is None
    assert (event["body"], event["isBase64Encoded"]) == ("ä", False)
    assert (headers["X-Many"], multi_headers["X-Many"]) == ("2", ["1", "2"])
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "http"
    assert headers["Host"] == f"127.0.0.1:{headers['X-Forwarded-Port']}"
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["X-Amzn-Trace-Id"])
    assert not {"Content-Length", "Connection"} & set(headers)
    assert context["accountId"] == "000000000000"
    assert (context["apiId"], context["stage"]) == ("Api", "v1")
    assert (context["resourcePath"], context["path"]) == ("/orders/{orderId}", "/v1/orders/a%20b%2Fc")
    assert (context["httpMethod"], context["protocol"]) == ("POST", "HTTP/1.1")
    assert context["domainName"] == headers["Host"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userAgent"] == "tests/1"
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["requestTime"])
    assert context["requestTimeEpoch"] > 1_600_000_000_000
    assert "authorizer" not in context


def test_the_trace_header_of_a_client_goes_to_the_function_and_back() -> None:
    trace = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"

    async def scenario(get: Client) -> None:
        _, headers, event = await get("/", headers={"x-amzn-trace-id": trace})
        assert event["headers"]["X-Amzn-Trace-Id"] == headers["X-Amzn-Trace-Id"] == trace
        assert seen[-1] == trace
        _, headers, event = await get("/", headers={"X-Amzn-Trace-Id": "nonsense"})
        assert event["headers"]["X-Amzn-Trace-Id"] == headers["X-Amzn-Trace-Id"]
        assert headers["X-Amzn-Trace-Id"].startswith("Root=1-")

    seen: list[str | None] = []

    def function(event: Event) -> Event:
        seen.append(TRACE.get())
        return echo(event)

    run(scenario, echo=function)


def test_missing_parts_of_a_request_are_null() -> None:
    event = run(lambda get: get("/"))[2]
    names = ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body")
    assert [event[name] for name in names] == [None] * 5


def test_answers_have_the_request_ids_of_api_gateway() -> None:
    _, headers, event = run(lambda get: get("/"))
    assert headers["x-amzn-RequestId"] == event["requestContext"]["requestId"]
    assert headers["x-amz-apigw-id"] == event["requestContext"]["extendedRequestId"]
    assert headers["X-Amzn-Trace-Id"] == event["headers"]["X-Amzn-Trace-Id"]


def test_the_gateway_spells_some_headers_itself() -> None:
    async def scenario(get: Client) -> None:
        event = (await get("/", headers={"authorization": "a", "USER-AGENT": "b", "x-other": "c"}))[2]
        assert {"Authorization": "a", "User-Agent": "b", "x-other": "c"}.items() <= event["headers"].items()
        assert event["multiValueHeaders"]["Authorization"] == ["a"]

    run(scenario)


@pytest.mark.parametrize(
    ("sent", "path", "in_context"),
    [
        ("//v1/orders", "/orders", "/v1/orders"),
        ("/v1//orders", "/orders", "/v1//orders"),
        ("/v1///orders/", "/orders/", "/v1///orders/"),
        ("/v1/a//b", "/a//b", "/v1/a//b"),
        ("//orders", "/orders", "/v1//orders"),
    ],
)
def test_extra_slashes_at_the_start_of_a_path_are_stripped(sent: str, path: str, in_context: str) -> None:
    routes = (Route("GET", "/orders", "echo"), Route("GET", "/{proxy+}", "echo"))
    event = run(lambda get: get(sent), routes=routes)[2]
    assert event["resource"] == ("/{proxy+}" if "a" in path else "/orders")
    assert (event["path"], event["requestContext"]["path"]) == (path, in_context)


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/orders", "/orders", None),
        ("/orders/", "/orders", None),
        ("/v1/orders", "/orders", None),
        ("/orders/execute", "/orders/execute", None),
        ("/orders/7", "/orders/{id}", {"id": "7"}),
        ("/orders/7/", "/orders/{id}", {"id": "7"}),
        ("/orders/execute/fills", "/orders/{proxy+}", {"proxy": "execute/fills"}),
        ("/orders/7/fills", "/orders/{id}/fills", {"id": "7"}),
        ("/orders/7/fills/1", "/orders/{proxy+}", {"proxy": "7/fills/1"}),
        ("/files/a//b/", "/{proxy+}", {"proxy": "files/a//b"}),
        ("/v1", "/", None),
        ("/v1/", "/", None),
        ("/v10", "/{proxy+}", {"proxy": "v10"}),
    ],
)
def test_static_is_preferred_to_parameter_and_parameter_to_proxy(
    path: str, resource: str, parameters: dict[str, str] | None
) -> None:
    paths = ["/{proxy+}", "/", "/orders/{proxy+}", "/orders/{id}", "/orders/{id}/fills", "/orders/execute", "/orders"]
    event = run(lambda get: get(path), routes=tuple(Route("GET", path, "echo") for path in paths))[2]
    if path == "/orders/execute/fills":
        # A static segment leads nowhere here; the parameter beside it does.
        resource, parameters = "/orders/{id}/fills", {"id": "execute"}
    assert (event["resource"], event["pathParameters"]) == (resource, parameters)


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/none"), ("PUT", "/orders"), ("PROPFIND", "/any")])
def test_an_unknown_route_is_a_missing_authentication_token(method: str, path: str) -> None:
    routes = (Route("GET", "/orders", "echo"), Route("ANY", "/any", "echo"))
    status, headers, body = run(lambda get: get(path, method), routes=routes)
    assert (status, body) == (403, {"message": "Missing Authentication Token"})
    assert headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert headers["x-amzn-RequestId"]


def test_a_method_is_preferred_to_any() -> None:
    routes = (Route("ANY", "/x", "any"), Route("POST", "/x", "post"))

    async def scenario(request: Client) -> None:
        assert (await request("/x", "POST"))[2] == "post"
        assert (await request("/x", "DELETE"))[2] == "any"

    run(scenario, routes=routes, any=lambda event: {"body": '"any"'}, post=lambda event: {"body": '"post"'})


def test_headers_and_multi_value_headers_are_merged() -> None:
    result = {
        "statusCode": "201",
        "headers": {"X-One": "1", "x-two": "c", "X-Flag": True},
        "multiValueHeaders": {"X-Two": ["a", "b"], "Set-Cookie": ["a=1", "b=2"]},
        "body": "done",
    }
    status, headers, body = answering(result)
    assert (status, body) == (201, b"done")
    assert (headers["X-One"], headers["X-Flag"]) == ("1", "true")
    assert headers.getall("X-Two") == ["a", "b", "c"]
    assert "X-Two" in list(headers)
    assert "x-two" not in list(headers)
    assert headers.getall("Set-Cookie") == ["a=1", "b=2"]
    assert headers["Content-Type"] == "application/json"


def test_headers_that_belong_to_the_gateway_are_remapped() -> None:
    _, headers, body = answering(
        {"headers": {"Content-Length": "999", "WWW-Authenticate": "Basic", "Transfer-Encoding": "chunked"}, "body": "x"}
    )
    assert body == b"x"
    assert headers["Content-Length"] == "1"
    assert headers["x-amzn-Remapped-Content-Length"] == "999"
    assert headers["x-amzn-Remapped-WWW-Authenticate"] == "Basic"


@pytest.mark.parametrize(("result", "status"), [({}, 200), ({"statusCode": 204}, 204), ({"statusCode": 304}, 304)])
def test_every_member_of_a_response_is_optional(result: Event, status: int) -> None:
    assert (answering(result)[0], answering(result)[2]) == (status, b"")


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        [],
        b"not JSON",
        b"",
        b"\xff",
        {"statusCode": 200, "message": "more than AWS takes"},
        {"statusCode": "two hundred"},
        {"statusCode": 200.5},
        {"statusCode": True},
        {"statusCode": 99},
        {"statusCode": 1000},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "headers": {"X-Number": 1}},
        {"statusCode": 200, "headers": ["X-A"]},
        {"statusCode": 200, "headers": {"X-A": "a\r\nX-B: b"}},
        {"statusCode": 200, "headers": {"X A": "a"}},
        {"statusCode": 200, "multiValueHeaders": {"X-A": "not a list"}},
    ],
)
def test_a_malformed_response_is_a_bad_gateway(result: Any) -> None:
    status, headers, body = answering(result)
    assert (status, body) == (502, {"message": "Internal server error"})
    assert headers["x-amzn-ErrorType"] == "InternalServerErrorException"


def test_a_function_error_is_a_bad_gateway() -> None:
    def fail(event: Event) -> None:
        raise ValueError("secret")

    status, _, body = run(lambda get: get("/"), echo=fail)
    assert (status, body) == (502, {"message": "Internal server error"})


def test_a_throttled_invocation_is_an_internal_server_error() -> None:
    def throttle(event: Event) -> None:
        raise ApiError("TooManyRequestsException", "Rate Exceeded.", 429)

    status, headers, body = run(lambda get: get("/"), echo=throttle)
    assert (status, body) == (500, {"message": "Internal server error"})
    assert headers["x-amzn-ErrorType"] == "InternalServerErrorException"
    failure = {"INTEGRATION_FAILURE": GatewayResponse(template="$context.error.responseType")}
    assert run(lambda get: get("/"), responses=failure, echo=throttle)[2] == b"INTEGRATION_FAILURE"


def test_a_slow_function_times_out_but_runs_to_its_end() -> None:
    async def scenario(get: Client) -> None:
        status, headers, body = await get("/")
        assert (status, body) == (504, {"message": "Endpoint request timed out"})
        assert headers["x-amzn-ErrorType"] == "InternalServerErrorException"
        release.set()
        await ended.wait()

    release, ended = asyncio.Event(), asyncio.Event()

    async def slow(event: Event) -> Event:
        await release.wait()
        ended.set()
        return {}

    run(scenario, timeout=0.05, echo=slow)


def test_a_route_may_have_a_timeout_of_its_own_and_a_504_is_an_integration_timeout() -> None:
    async def scenario(get: Client) -> None:
        status, headers, body = await get("/")
        assert (status, body, headers["Retry-After"]) == (504, {"code": "INTEGRATION_TIMEOUT"}, "5")

    async def slow(event: Event) -> None:
        await asyncio.sleep(5)

    answer = GatewayResponse(None, {"Retry-After": "5"}, '{"code": "$context.error.responseType"}')
    route = Route("ANY", "/", "echo", timeout=0.05)
    run(scenario, routes=(route,), responses={"INTEGRATION_TIMEOUT": answer}, echo=slow)


def test_a_closing_gateway_answers_earlier_requests_and_refuses_new_ones() -> None:
    async def main() -> None:
        begun, finish = asyncio.Event(), asyncio.Event()

        async def slow(event: Event) -> Event:
            begun.set()
            await finish.wait()
            return {"statusCode": 200, "body": "done"}

        functions = Functions(echo=slow)
        gateway = RestGateway(RestApi("Api", "v1", ANY_ROUTES), functions)
        async with serving(gateway.handle) as port, aiohttp.ClientSession() as session:
            client = Client(port, session, functions)
            first = asyncio.ensure_future(client("/first"))
            await begun.wait()
            closing = asyncio.ensure_future(gateway.close(5))
            await asyncio.sleep(0)
            assert (await client("/second"))[0] == 503
            assert not closing.done()
            finish.set()
            assert (await first)[0] == 200
            await closing

    asyncio.run(main())


def test_garbage_does_not_end_the_service() -> None:
    rng = random.Random(20_240)
    pieces = [
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST /v1/x HTTP/1.1\r\nHost: a\r\n",
        b"Content-Length: 10\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"GET http://[::1 HTTP/1.1\r\n",
        b"GET /\xff\xfe%zz?%ff=%00&&;= HTTP/1.1\r\nHost: \xff\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
        b"GET /whole HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    ]

    statuses: set[bytes] = set()

    async def garbage(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(rng.randint(1, 6)):
            writer.write(rng.choice(pieces) if rng.random() < 0.8 else rng.randbytes(rng.randint(1, 200)))
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(0.05):
                statuses.add((await reader.readline())[9:12])
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def scenario(get: Client) -> None:
        for _ in range(10):
            await asyncio.gather(*(garbage(get.port) for _ in range(20)))
        assert (await get("/after"))[2]["path"] == "/after"
        assert statuses >= {b"200", b"400"}

    run(scenario)
