from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from emulator.console.service import Console
from emulator.lambda_.environments import Counters
from emulator.sqs.records import Queue, Redrive
from emulator.sqs.service import Sqs
from emulator.states.records import StateMachine
from emulator.states.service import StepFunctions
from tests.support.emulator.gateways import Functions, serving

ECHO = StateMachine("echo", {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, "EXPRESS")
FAIL = StateMachine(
    "fail", {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "NoLuck", "Cause": "why"}}}, "EXPRESS"
)
WAIT = StateMachine("wait", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": True}}})
DEAD = Queue("dead")
QUEUES = (Queue("work", redrive=Redrive(DEAD.arn, 3)), DEAD)
COUNTERS = {"greet": Counters(invocations=3, errors=1)}


@dataclass
class Site:
    port: int
    session: aiohttp.ClientSession
    step_functions: StepFunctions
    sqs: Sqs
    logs: Path

    async def get(self, path: str, **query: str) -> Any:
        async with self.session.get(self._url(path).with_query(query)) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def answer(self, path: str) -> tuple[int, Any, bytes]:
        async with self.session.get(self._url(path)) as response:
            return response.status, response.headers, await response.read()

    async def start(self, machine: StateMachine, name: str, document: Any = None) -> str:
        """Returns the ARN of a new execution, which has ended if the machine is Express."""
        operation = "StartSyncExecution" if machine.type == "EXPRESS" else "StartExecution"
        request = {"stateMachineArn": machine.arn, "name": name, "input": json.dumps(document)}
        arn: str = (await self.step_functions.handle(operation, request))["executionArn"]
        return arn

    def _url(self, path: str) -> URL:
        return URL(f"http://127.0.0.1:{self.port}/_emulator/{path}", encoded=True)


def run(logs: Path, scenario: Callable[[Site], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        sqs = Sqs(QUEUES, base_url="http://sqs")
        step_functions = StepFunctions((ECHO, FAIL, WAIT), Functions(), lambda request: sqs.handle("", request))
        console = Console(step_functions, sqs, lambda: COUNTERS, logs)
        async with serving(console.handle) as port, aiohttp.ClientSession() as session:
            try:
                return await scenario(Site(port, session, step_functions, sqs, logs))
            finally:
                await step_functions.close(0)

    return asyncio.run(main())


def names(executions: list[dict[str, Any]]) -> list[str]:
    return [execution["name"] for execution in executions]


def test_executions_are_listed_newest_first_and_by_machine_status_text_and_number(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        for machine, name in ((ECHO, "first"), (FAIL, "second"), (ECHO, "third"), (WAIT, "fourth")):
            await site.start(machine, name)

        assert names(await site.get("executions")) == ["fourth", "third", "second", "first"]
        assert names(await site.get("executions", limit="2")) == ["fourth", "third"]
        assert names(await site.get("executions", machine="echo")) == ["third", "first"]
        assert names(await site.get("executions", status="RUNNING")) == ["fourth"]
        assert names(await site.get("executions", find="IRST")) == ["first"]
        (failed,) = await site.get("executions", find="noluck")
        assert (failed["name"], failed["status"], failed["cause"]) == ("second", "FAILED", "why")

    run(tmp_path, scenario)


def test_an_execution_has_its_input_output_and_new_events(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        arn = await site.start(ECHO, "first", {"amount": 2**64 - 1})

        whole = await site.get("executions", arn=arn)
        assert (whole["status"], whole["stateMachine"]) == ("SUCCEEDED", "echo")
        assert json.loads(whole["input"]) == json.loads(whole["output"]) == {"amount": 2**64 - 1}
        kinds = [event["type"] for event in whole["events"]]
        assert kinds == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
        assert (await site.get("executions", arn=arn, after="3"))["events"] == whole["events"][3:]
        assert (await site.get("executions", arn=arn, after="4"))["events"] == []

    run(tmp_path, scenario)


def test_machines_are_shown_with_their_definitions(tmp_path: Path) -> None:
    machines = run(tmp_path, lambda site: site.get("machines"))

    assert [machine["name"] for machine in machines] == ["echo", "fail", "wait"]
    assert machines[0] == {"name": "echo", "type": "EXPRESS", "definition": ECHO.definition}


def test_the_overview_counts_executions_messages_and_invocations(tmp_path: Path) -> None:
    async def scenario(site: Site) -> Any:
        for machine, name in ((ECHO, "first"), (ECHO, "second"), (WAIT, "third")):
            await site.start(machine, name)
        for body, delay in (("a", 0), ("b", 0), ("c", 60)):
            message = {"QueueUrl": site.sqs.url("work"), "MessageBody": body, "DelaySeconds": delay}
            await site.sqs.handle("SendMessage", message)
        await site.sqs.handle("ReceiveMessage", {"QueueUrl": site.sqs.url("work")})
        return await site.get("overview")

    overview = run(tmp_path, scenario)

    assert overview["executions"] == {"echo": {"SUCCEEDED": 2}, "wait": {"RUNNING": 1}}
    assert overview["queues"] == [
        {"name": "dead", "waiting": 0, "inFlight": 0, "delayed": 0, "deadLetters": None},
        {"name": "work", "waiting": 1, "inFlight": 1, "delayed": 1, "deadLetters": "dead"},
    ]
    assert overview["functions"]["greet"]["invocations"] == 3


def test_functions_are_shown_with_their_counters(tmp_path: Path) -> None:
    functions = run(tmp_path, lambda site: site.get("functions"))

    assert functions == {
        "greet": {"invocations": 3, "errors": 1, "throttles": 0, "cold_starts": 0, "duration": 0.0, "running": 0}
    }


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"", ""),
        (b"one\ntwo \xff\n", "one\ntwo \ufffd\n"),
        (b"x" * 70_000 + b"\n" + b"kept\n" * 10_000, "kept\n" * 10_000),
    ],
    ids=["empty", "whole", "only the last lines"],
)
def test_a_log_is_shown_from_its_end(tmp_path: Path, written: bytes, shown: str) -> None:
    (tmp_path / "greet.log").write_bytes(written)

    assert run(tmp_path, lambda site: site.get("logs", function="greet")) == {"log": shown}


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("", "text/html"), ("console.css", "text/css"), ("icon.svg", "image/svg+xml"), ("overview", "application/json")],
)
def test_the_page_runs_nothing_but_its_own_files(tmp_path: Path, path: str, content_type: str) -> None:
    status, headers, body = run(tmp_path, lambda site: site.answer(path))

    assert status == 200
    assert headers["Content-Type"].startswith(content_type)
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert body


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", "expected /_emulator/ or "),
        ("executions?arn=execution:echo:unknown", "no execution has the ARN 'execution:echo:unknown'"),
        ("logs", "no function has the name ''"),
        ("logs?function=..%2Fsecret", "no function has the name '../secret'"),
        ("..%2Fconsole.py", "expected /_emulator/ or "),
        ("static", "expected /_emulator/ or "),
    ],
)
def test_unknown_paths_executions_and_functions_are_not_found(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path.parent / "secret.log").write_text("secret")

    status, headers, body = run(tmp_path, lambda site: site.answer(path))

    assert status == 404
    assert json.loads(body)["message"].startswith(message)
    assert "Content-Security-Policy" in headers
