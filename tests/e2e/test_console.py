"""The console of another application: what it shows of its services, and what it does to them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.support.applications import APPS, application
from tests.support.client import Until
from tests.support.stack import ROOT, Stack

pytestmark = pytest.mark.process

BADGE = {"X-Badge": "open sesame"}
TEMPLATE = APPS / "parcels/template.yaml"


class Console:
    def __init__(self, stack: Stack, session: aiohttp.ClientSession) -> None:
        self.stack = stack
        self.session = session

    async def get(self, path: str, **query: str) -> Any:
        async with self.session.get(f"{self.stack.endpoint}/_emulator/{path}", params=query) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def post(self, path: str, **body: Any) -> tuple[int, Any]:
        url, headers = f"{self.stack.endpoint}/_emulator/{path}", {"Origin": self.stack.endpoint}
        async with self.session.post(url, json=body, headers=headers) as response:
            return response.status, await response.json()


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with application(TEMPLATE, tmp_path_factory.mktemp("parcels") / "data") as running:
        yield running


@asynccontextmanager
async def console_of(stack: Stack) -> AsyncIterator[Console]:
    async with aiohttp.ClientSession() as session:
        yield Console(stack, session)


async def test_an_invocation_shows_its_result_and_the_log_finds_it_again(parcels: Stack) -> None:
    async with console_of(parcels) as console:
        status, invoked = await console.post("functions/invoke", function="Scales", event="[]")

        assert (status, invoked["error"]) == (200, True)
        request_id = invoked["requestId"]
        assert json.loads(invoked["payload"])["errorType"]
        kinds = [record["message"].partition(" ")[0] for record in invoked["log"]]
        assert (kinds[0], kinds[-2:]) == ("START", ["END", "REPORT"])
        found = (await console.get("logs", request=request_id))["records"]
        assert [record["text"] for record in found] == [record["text"] for record in invoked["log"]]
        (error,) = (await console.get("logs", request=request_id, level="ERROR"))["records"]
        assert (error["function"], error["requestId"]) == ("Scales", request_id)
        assert "Traceback" in error["text"]
        assert all(record["at"] for record in found)


async def test_requests_are_shown_with_the_function_that_answers_and_without_secrets(parcels: Stack) -> None:
    async with console_of(parcels) as console:
        async with console.session.get(
            f"{console.stack.rest}/desk/shelf?token=hidden&row=3", headers=BADGE
        ) as response:
            assert response.status == 200
        async with console.session.get(f"{console.stack.rest}/desk/drawer") as response:
            assert response.status == 401

        refused, answered = (await console.get("requests", find="/desk/", limit="2"))["requests"]

        assert (refused["path"], refused["status"], refused["function"]) == ("/desk/drawer", 401, "")
        assert (answered["path"], answered["status"]) == ("/desk/shelf?token=****&row=3", 200)
        assert answered["function"] == "test-clerk"
        records = (await console.get("logs", request=answered["requestId"]))["records"]
        assert {record["function"] for record in records} == {"test-clerk"}


async def test_open_connections_and_their_messages_are_shown(parcels: Stack) -> None:
    async with console_of(parcels) as console:
        async with console.session.ws_connect(console.stack.websocket) as socket:
            await socket.send_str(json.dumps({"about": {"topic": "where"}}))
            await socket.receive()
            (connection,) = await console.get("connections")
            assert (connection["received"], connection["sent"]) == (1, 1)
            assert connection["lastActiveAt"] >= connection["connectedAt"]
        async for _ in Until("the connection is closed"):
            if not await console.get("connections"):
                break
        async for _ in Until("its message is handled"):
            requests = (await console.get("requests", find=connection["id"]))["requests"]
            if len(requests) == 2:
                break
        assert {request["method"] for request in requests} == {"$connect", "where"}


async def test_executions_are_started_found_and_messages_are_sent_and_looked_at(parcels: Stack) -> None:
    async with console_of(parcels) as console:
        document = json.dumps({"parcel": "needle-17", "weight": 3})
        status, answer = await console.post("executions/start", machine="Delivery", input=document, name="by-hand")
        assert status == 200
        async for _ in Until("the execution ends"):
            (execution,) = (await console.get("executions", find="NEEDLE-17"))["executions"]
            if execution["status"] != "RUNNING":
                break
        assert (execution["name"], execution["arn"]) == ("by-hand", answer["arn"])

        await console.post("queues/purge", queue="Sorted")
        _, sent = await console.post("queues/send", queue="Sorted", body='{"by": "hand"}')
        (message,) = await console.get("messages", queue="Sorted")
        assert (message["id"], message["body"], message["state"]) == (sent["id"], '{"by": "hand"}', "visible")


async def test_the_stack_its_schedules_and_machines_are_shown(parcels: Stack) -> None:
    async with console_of(parcels) as console:
        stack = await console.get("stack")
        assert stack["template"] == str(TEMPLATE)
        assert {"name": "Carriers", "value": "east,west"} in stack["parameters"]
        assert {"name": "Greeting", "value": "hello"} in stack["outputs"]
        (schedule,) = await console.get("schedules")
        assert (schedule["expression"], schedule["function"]) == ("cron(0 22-23 ? * MON-FRI *)", "Night")
        assert schedule["next"] % 3600 == 0
        (machine,) = await console.get("machines")
        assert machine["name"] == "Delivery"
        functions = await console.get("functions")
        assert (functions["Scales"]["handler"], functions["Scales"]["folder"]) == ("sorting.weigh", "handlers")


def test_the_command_line_lists_executions_and_their_events(parcels: Stack) -> None:
    def say(*arguments: str) -> str:
        command = [sys.executable, "-m", "emulator", "--data", str(parcels.data), "executions", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout

    async def start() -> None:
        async with console_of(parcels) as console:
            await console.post("executions/start", machine="Delivery", name="listed")

    asyncio.run(start())
    assert "  Delivery  listed" in say()
    assert say("listed").split()[:2] == ["1", "ExecutionStarted"]


async def test_a_read_only_console_shows_the_stack_and_refuses_to_change_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = tmp_path_factory.mktemp("read-only") / "data"
    with application(TEMPLATE, data, "--read-only-console") as stack:
        async with console_of(stack) as console:
            assert (await console.get("overview"))["readOnly"] is True
            refused = await console.post("queues/send", queue="Sorted", body="a")
            assert refused == (403, {"message": "the console is read-only"})
            assert await console.get("messages", queue="Sorted") == []
