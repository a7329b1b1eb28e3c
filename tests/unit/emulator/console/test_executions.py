from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.states.records import StateMachine
from tests.support.emulator.console import Site, parts
from tests.support.emulator.console import run as serve

_ECHO = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
ECHO = StateMachine("echo", _ECHO, "EXPRESS", '{\n  "StartAt": "P" …}')
FAIL = StateMachine(
    "fail", {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "NoLuck", "Cause": "why"}}}, "EXPRESS"
)
ADD = StateMachine(
    "add", {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"txHash": "0xABC"}, "End": True}}}
)
_WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": True}}}
WAIT, EXPRESS_WAIT = StateMachine("wait", _WAIT), StateMachine("express-wait", _WAIT, "EXPRESS")


def run(folder: Path, scenario: Callable[[Site], Awaitable[Any]]) -> Any:
    return serve(lambda: parts(folder, machines=(ECHO, FAIL, ADD, WAIT, EXPRESS_WAIT)), scenario)


async def start(site: Site, machine: StateMachine, name: str, document: Any = None) -> str:
    body = {"machine": machine.name, "name": name, "input": json.dumps(document)}
    status, answer = await site.post("executions/start", body)
    assert status == 200, answer
    arn: str = answer["arn"]
    return arn


async def names(site: Site, **query: str) -> list[str]:
    return [execution["name"] for execution in (await site.get("executions", **query))["executions"]]


def test_executions_are_listed_newest_first_and_by_machine_and_status(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        for machine, name in ((ECHO, "first"), (FAIL, "second"), (ECHO, "third"), (WAIT, "fourth")):
            await start(site, machine, name)

        assert await names(site) == ["fourth", "third", "second", "first"]
        assert await names(site, machine="echo") == ["third", "first"]
        assert await names(site, status="RUNNING") == ["fourth"]
        assert await names(site, status="", machine="") == ["fourth", "third", "second", "first"]

    run(tmp_path, scenario)


def test_executions_are_found_by_any_text_in_them(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await start(site, ECHO, "first", {"order": {"orderId": "0191-Ab"}})
        await start(site, FAIL, "second")
        await start(site, ADD, "third", {"note": 'a "quoted" word'})

        assert await names(site, find="IRST") == ["first"]
        assert await names(site, find="noluck") == ["second"]
        assert await names(site, find="0191-ab") == ["first"]
        assert await names(site, find="0xabc") == ["third"]
        assert await names(site, find="express:echo:") == ["first"]
        assert await names(site, find="nowhere") == []
        (failed,) = (await site.get("executions", find="noluck"))["executions"]
        assert (failed["status"], failed["cause"]) == ("FAILED", "why")

    run(tmp_path, scenario)


def test_executions_are_found_by_the_time_of_their_start(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        for name in ("first", "second", "third"):
            await start(site, ECHO, name)
        third, second, first = (one["started"] for one in (await site.get("executions"))["executions"])
        assert first < second < third

        assert await names(site, **{"from": str(second)}) == ["third", "second"]
        assert await names(site, to=str(second)) == ["second", "first"]
        assert await names(site, **{"from": str(second), "to": str(second)}) == ["second"]

    run(tmp_path, scenario)


def test_a_page_of_executions_says_how_many_there_are(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        for number in range(105):
            await start(site, ECHO if number % 2 else ADD, f"n{number}")

        page = await site.get("executions")
        assert (len(page["executions"]), page["total"]) == (100, 105)
        page = await site.get("executions", limit="2", machine="echo")
        assert ([one["name"] for one in page["executions"]], page["total"]) == (["n103", "n101"], 52)
        assert len(await names(site, limit="1000")) == 105

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=1001", "limit: expected a whole number from 1 to 1000, was '1001'"),
        ("limit=0", "limit: expected a whole number from 1 to 1000, was '0'"),
        ("from=yesterday", "from: expected seconds since the epoch, was 'yesterday'"),
    ],
)
def test_wrong_filters_are_refused(tmp_path: Path, query: str, message: str) -> None:
    status, _, body = run(tmp_path, lambda site: site.answer(f"executions?{query}"))

    assert (status, json.loads(body)) == (400, {"message": message})


def test_an_execution_has_its_input_output_and_new_events(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        arn = await start(site, ECHO, "first", {"amount": 2**64 - 1})

        whole = await site.get("executions", arn=arn)
        assert (whole["status"], whole["stateMachine"]) == ("SUCCEEDED", "echo")
        assert json.loads(whole["input"]) == json.loads(whole["output"]) == {"amount": 2**64 - 1}
        kinds = [event["type"] for event in whole["events"]]
        assert kinds == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
        assert (await site.get("executions", arn=arn, after="3"))["events"] == whole["events"][3:]
        assert (await site.get("executions", arn=arn, after="4"))["events"] == []

    run(tmp_path, scenario)


def test_machines_are_shown_with_their_definitions_as_they_were_written(tmp_path: Path) -> None:
    machines = run(tmp_path, lambda site: site.get("machines"))

    assert [machine["name"] for machine in machines] == ["echo", "fail", "add", "wait", "express-wait"]
    assert machines[0] == {
        "name": "echo",
        "arn": ECHO.arn,
        "type": "EXPRESS",
        "definition": ECHO.definition,
        "source": ECHO.source,
    }


def test_an_execution_starts_with_the_input_as_it_is_written(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        text = '{ "amount": 1.50, "units": 18446744073709551616 }'
        _, answer = await site.post("executions/start", {"machine": "echo", "input": text})

        assert (await site.get("executions", arn=answer["arn"]))["input"] == text
        status, answer = await site.post("executions/start", {"machine": "other", "input": text})
        assert (status, answer) == (404, {"message": "no state machine has the name 'other'"})

    run(tmp_path, scenario)


@pytest.mark.parametrize("machine", [WAIT, EXPRESS_WAIT], ids=["standard", "express"])
def test_a_running_execution_can_be_stopped(tmp_path: Path, machine: StateMachine) -> None:
    async def scenario(site: Site) -> None:
        arn = await start(site, machine, "first")
        assert (await site.get("executions", arn=arn))["status"] == "RUNNING"

        assert await site.post("executions/stop", {"arn": arn}) == (200, {})
        stopped = await site.get("executions", arn=arn)
        assert (stopped["status"], stopped["cause"]) == ("ABORTED", "Stopped in the console.")
        assert stopped["events"][-1]["type"] == "ExecutionAborted"
        assert await site.post("executions/stop", {"arn": arn}) == (200, {})
        status, answer = await site.post("executions/stop", {"arn": "other"})
        assert (status, answer) == (404, {"message": "no execution has the ARN 'other'"})

    run(tmp_path, scenario)
