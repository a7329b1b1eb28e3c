from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator

from emulator.common.errors import ApiError
from emulator.lambda_.functions import Invocation
from emulator.states.records import StateMachine
from emulator.states.service import StepFunctions
from tests.support.emulator.no_functions import NoFunctions
from tests.support.emulator.virtual_time import VirtualTimeLoop

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
ECHO = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "why"}}}
SLOW = {
    "StartAt": "T",
    "States": {"T": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 30, "End": True}},
}
ROLE = """{
  "StartAt": "S",
  "States": { "S": {"Type": "Pass", "Parameters": {"role.$": "$$.Execution.RoleArn"}, "End": true} }
}"""


def _state(name: str = "S", **fields: Any) -> dict[str, Any]:
    return {"StartAt": name, "States": {name: {**fields, "End": True}}}


MACHINES = {
    "Echo": StateMachine("echo", ECHO),
    "Wait": StateMachine("wait", WAIT),
    "Fail": StateMachine("fail", FAIL),
    "Short": StateMachine("short", {**WAIT, "TimeoutSeconds": 60}),
    "Slow": StateMachine("slow", SLOW),
    "Fast": StateMachine("fast", ECHO, "EXPRESS"),
    "FastFail": StateMachine("fast-fail", FAIL, "EXPRESS"),
    "FastWait": StateMachine("fast-wait", WAIT, "EXPRESS"),
    "Branches": StateMachine(
        "branches", _state(Type="Parallel", Branches=[_state("I", Type="Parallel", Branches=[ECHO])])
    ),
    "Items": StateMachine("items", _state(Type="Map", ItemProcessor=ECHO)),
    "Role": StateMachine(
        "role",
        json.loads(ROLE),
        source=ROLE,
        role="arn:aws:iam::000000000000:role/service/Machine",
    ),
}


class Sleeper(NoFunctions):
    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        await asyncio.sleep(100)
        return Invocation(payload)


async def no_queue(request: dict[str, Any]) -> dict[str, Any]:
    raise AssertionError(request)


class Client:
    def __init__(self) -> None:
        self.service = StepFunctions(MACHINES.values(), Sleeper(), no_queue)

    async def call(self, operation: str, machine: str | None = None, **request: Any) -> dict[str, Any]:
        if machine is not None:
            request["stateMachineArn"] = MACHINES[machine].arn
        return await self.service.handle(operation, request)

    async def refused(self, operation: str, machine: str | None = None, **request: Any) -> tuple[str, str]:
        with pytest.raises(ApiError) as error:
            await self.call(operation, machine, **request)
        return error.value.code, error.value.message

    async def ended(self, execution: str) -> dict[str, Any]:
        described = await self.call("DescribeExecution", executionArn=execution)
        while described["status"] == "RUNNING":
            await asyncio.sleep(1)
            described = await self.call("DescribeExecution", executionArn=execution)
        return described


def run(test: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        client = Client()
        await test(client)
        await client.service.close(0)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def check_shape(operation: str, answer: dict[str, Any]) -> None:
    """Checks that `answer` has exactly the members of botocore's model of the operation."""
    shape = Session().get_service_model("stepfunctions").operation_model(operation).output_shape
    assert shape is not None
    report = ParamValidator().validate(json.loads(json.dumps(answer)), shape)
    assert not report.has_errors(), report.generate_report()
    assert answer.keys() <= shape.members.keys()


def test_a_synchronous_execution_answers_with_its_output() -> None:
    async def test(client: Client) -> None:
        answer = await client.call("StartSyncExecution", "Fast", input='{"a": 1}', name="n")
        check_shape("StartSyncExecution", answer)
        assert (answer["status"], answer["output"], answer["input"]) == ("SUCCEEDED", '{"a": 1}', '{"a": 1}')
        assert answer["executionArn"].startswith("arn:aws:states:us-east-1:000000000000:express:fast:n:")
        assert answer["billingDetails"] == {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100}
        assert answer["startDate"] <= answer["stopDate"]

    run(test)


def test_a_failed_synchronous_execution_is_answered_with_200() -> None:
    async def test(client: Client) -> None:
        answer = await client.call("StartSyncExecution", "FastFail")
        assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "E", "why")

    run(test)


def test_an_express_execution_ends_after_five_minutes() -> None:
    async def test(client: Client) -> None:
        started = asyncio.get_running_loop().time()
        answer = await client.call("StartSyncExecution", "FastWait")
        assert (answer["status"], answer["error"]) == ("TIMED_OUT", "States.Timeout")
        assert asyncio.get_running_loop().time() - started == pytest.approx(300, abs=1)

    run(test)


def test_a_standard_machine_is_not_run_synchronously() -> None:
    async def test(client: Client) -> None:
        refused = await client.refused("StartSyncExecution", "Echo")
        assert refused == (
            "StateMachineTypeNotSupported",
            "This operation is not supported by this type of state machine",
        )

    run(test)


def test_an_execution_is_described_with_its_history() -> None:
    async def test(client: Client) -> None:
        started = await client.call("StartExecution", "Echo", name="one", input='{"a":1}')
        check_shape("StartExecution", started)
        assert started["executionArn"] == "arn:aws:states:us-east-1:000000000000:execution:echo:one"
        described = await client.ended(started["executionArn"])
        check_shape("DescribeExecution", described)
        assert described["output"] == '{"a":1}'
        history = await client.call("GetExecutionHistory", executionArn=started["executionArn"])
        check_shape("GetExecutionHistory", history)
        assert [(event["id"], event["previousEventId"], event["type"]) for event in history["events"]] == [
            (1, 0, "ExecutionStarted"),
            (2, 0, "PassStateEntered"),
            (3, 2, "PassStateExited"),
            (4, 3, "ExecutionSucceeded"),
        ]

    run(test)


def test_history_comes_in_pages_and_backwards() -> None:
    async def test(client: Client) -> None:
        arn = (await client.call("StartExecution", "Echo"))["executionArn"]
        await client.ended(arn)
        request = {"executionArn": arn, "reverseOrder": True, "maxResults": 3}
        first = await client.call("GetExecutionHistory", **request)
        second = await client.call("GetExecutionHistory", **request, nextToken=first["nextToken"])
        assert [event["id"] for event in first["events"] + second["events"]] == [4, 3, 2, 1]
        assert "nextToken" not in second
        bare = await client.call("GetExecutionHistory", executionArn=arn, includeExecutionData=False)
        assert "output" not in bare["events"][-1]["executionSucceededEventDetails"]
        assert (await client.refused("GetExecutionHistory", executionArn=arn, nextToken="x"))[0] == "InvalidToken"

    run(test)


def test_a_running_name_is_idempotent_with_the_same_input() -> None:
    async def test(client: Client) -> None:
        first = await client.call("StartExecution", "Wait", name="n", input="{}")
        assert await client.call("StartExecution", "Wait", name="n", input="{}") == first
        refused = await client.refused("StartExecution", "Wait", name="n", input='{"a":1}')
        assert refused == ("ExecutionAlreadyExists", f"Execution Already Exists: '{first['executionArn']}'")
        await client.call("StopExecution", executionArn=first["executionArn"])
        assert (await client.refused("StartExecution", "Wait", name="n", input="{}"))[0] == "ExecutionAlreadyExists"

    run(test)


def test_a_stopped_execution_is_aborted() -> None:
    async def test(client: Client) -> None:
        arn = (await client.call("StartExecution", "Wait"))["executionArn"]
        await asyncio.sleep(0)
        stopped = await client.call("StopExecution", executionArn=arn, error="Stop", cause="enough")
        described = await client.call("DescribeExecution", executionArn=arn)
        assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Stop", "enough")
        assert described["stopDate"] == stopped["stopDate"]
        events = (await client.call("GetExecutionHistory", executionArn=arn))["events"]
        assert events[-1]["executionAbortedEventDetails"] == {"error": "Stop", "cause": "enough"}

    run(test)


def test_an_execution_that_is_stopped_before_its_first_step_is_aborted() -> None:
    async def test(client: Client) -> None:
        arn = (await client.call("StartExecution", "Wait"))["executionArn"]
        await client.call("StopExecution", executionArn=arn)
        assert (await client.call("DescribeExecution", executionArn=arn))["status"] == "ABORTED"

    run(test)


def test_a_machine_and_a_task_end_at_their_timeouts() -> None:
    async def test(client: Client) -> None:
        short = (await client.call("StartExecution", "Short"))["executionArn"]
        slow = (await client.call("StartExecution", "Slow"))["executionArn"]
        timed_out = await client.ended(short)
        assert (timed_out["status"], timed_out.get("error")) == ("TIMED_OUT", None)
        failed = await client.ended(slow)
        assert (failed["status"], failed["error"]) == ("FAILED", "States.Timeout")
        events = (await client.call("GetExecutionHistory", executionArn=slow))["events"]
        assert events[2]["lambdaFunctionScheduledEventDetails"]["timeoutInSeconds"] == 30
        assert events[4]["lambdaFunctionTimedOutEventDetails"] == {"error": "States.Timeout"}

    run(test)


def test_executions_are_listed_newest_first_by_status_and_page() -> None:
    async def test(client: Client) -> None:
        for name in ("a", "b", "c"):
            await client.ended((await client.call("StartExecution", "Echo", name=name))["executionArn"])
        first = await client.call("ListExecutions", "Echo", maxResults=2, statusFilter="SUCCEEDED")
        check_shape("ListExecutions", first)
        await client.ended((await client.call("StartExecution", "Echo", name="d"))["executionArn"])
        second = await client.call("ListExecutions", "Echo", maxResults=2, nextToken=first["nextToken"])
        assert [one["name"] for one in first["executions"] + second["executions"]] == ["c", "b", "a"]
        assert (await client.call("ListExecutions", "Echo", statusFilter="FAILED"))["executions"] == []
        assert (await client.refused("ListExecutions", "Fast"))[0] == "StateMachineTypeNotSupported"
        assert (await client.refused("ListExecutions", "Echo", statusFilter="x"))[0] == "ValidationException"
        assert (await client.refused("ListExecutions", "Echo", maxResults=1001))[0] == "ValidationException"

    run(test)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"input": "not JSON"}, "InvalidExecutionInput"),
        ({"input": '{"a": NaN}'}, "InvalidExecutionInput"),
        ({"input": "[1e999]"}, "InvalidExecutionInput"),
        ({"input": ""}, "InvalidExecutionInput"),
        ({"input": "[" * 100_000}, "InvalidExecutionInput"),
        ({"input": json.dumps("x" * 262_144)}, "ValidationException"),
        ({"input": {"a": 1}}, "SerializationException"),
        ({"name": "has space"}, "InvalidName"),
        ({"name": "x" * 81}, "InvalidName"),
        ({"name": ""}, "InvalidName"),
        ({"stateMachineArn": None}, "ValidationException"),
        ({"includedData": "METADATA_ONLY"}, "ValidationException"),
        ({"stateMachineArn": "echo"}, "InvalidArn"),
        ({"stateMachineArn": "arn:aws:states:us-east-1:000000000000:execution:echo:x"}, "InvalidArn"),
        ({"stateMachineArn": MACHINES["Echo"].arn + "x"}, "StateMachineDoesNotExist"),
    ],
)
def test_a_bad_request_is_refused(request_: dict[str, Any], code: str) -> None:
    async def test(client: Client) -> None:
        given = {"stateMachineArn": MACHINES["Echo"].arn, **request_}
        assert (await client.refused("StartExecution", **given))[0] == code

    run(test)


def test_an_express_execution_cannot_be_described_but_keeps_its_events() -> None:
    async def test(client: Client) -> None:
        arn = (await client.call("StartSyncExecution", "Fast"))["executionArn"]
        refused = await client.refused("DescribeExecution", executionArn=arn)
        assert refused == ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
        execution = client.service.execution(arn)
        assert execution is not None
        assert execution.duration >= 0
        assert execution.recorded[-1].type == "ExecutionSucceeded"
        assert [one.arn for one in client.service.executions("fast")] == [arn]

    run(test)


@pytest.mark.parametrize(
    ("machine", "status", "redrive"),
    [
        ("Echo", "SUCCEEDED", ("NOT_REDRIVABLE", "Execution is SUCCEEDED and cannot be redriven")),
        ("Wait", "RUNNING", ("NOT_REDRIVABLE", "Execution is RUNNING and cannot be redriven")),
        ("Fail", "FAILED", ("REDRIVABLE", None)),
        ("Short", "TIMED_OUT", ("REDRIVABLE", None)),
        ("Wait", "ABORTED", ("REDRIVABLE", None)),
    ],
)
def test_what_did_not_succeed_can_be_redriven(machine: str, status: str, redrive: tuple[str, str | None]) -> None:
    async def test(client: Client) -> None:
        arn = (await client.call("StartExecution", machine))["executionArn"]
        if status == "ABORTED":
            await client.call("StopExecution", executionArn=arn)
        running = await client.call("DescribeExecution", executionArn=arn)
        described = running if status == "RUNNING" else await client.ended(arn)
        check_shape("DescribeExecution", described)
        assert described["status"] == status
        assert (described["redriveStatus"], described.get("redriveStatusReason")) == redrive

    run(test)


@pytest.mark.parametrize("text", ['{ "b": 1.50,\n  "a": "\\u00e9" }', " [1, 2]", "1e2 ", '"\\u0041"', "{}"])
def test_an_input_is_passed_on_as_it_was_sent(text: str) -> None:
    async def test(client: Client) -> None:
        arn = (await client.call("StartExecution", "Echo", input=text))["executionArn"]
        described = await client.ended(arn)
        assert (described["input"], described["output"]) == (text, text)
        events = (await client.call("GetExecutionHistory", executionArn=arn))["events"]
        assert events[0]["executionStartedEventDetails"]["input"] == text
        assert events[1]["stateEnteredEventDetails"]["input"] == text
        assert events[2]["stateExitedEventDetails"]["output"] == text
        assert events[3]["executionSucceededEventDetails"]["output"] == text

    run(test)


def test_the_results_of_branches_hold_the_input_as_it_was_sent_and_iterations_their_own_item() -> None:
    async def test(client: Client) -> None:
        text = "[[1, 2, 3], [4, 5, 6]]"
        branches = await client.ended((await client.call("StartExecution", "Branches", input=text))["executionArn"])
        assert branches["output"] == f"[[{text}]]"
        items = await client.ended((await client.call("StartExecution", "Items", input=text))["executionArn"])
        assert items["output"] == "[[1,2,3],[4,5,6]]"

    run(test)


def test_the_role_is_the_machines_own() -> None:
    async def test(client: Client) -> None:
        role = MACHINES["Role"].role
        arn = (await client.call("StartExecution", "Role"))["executionArn"]
        described = await client.ended(arn)
        assert json.loads(described["output"]) == {"role": role}
        events = (await client.call("GetExecutionHistory", executionArn=arn))["events"]
        assert events[0]["executionStartedEventDetails"]["roleArn"] == role
        assert (await client.call("DescribeStateMachine", "Role"))["roleArn"] == role
        of_execution = await client.call("DescribeStateMachineForExecution", executionArn=arn)
        assert of_execution["roleArn"] == role

    run(test)


def test_metadata_only_leaves_out_data_and_definitions() -> None:
    async def test(client: Client) -> None:
        only: dict[str, Any] = {"includedData": "METADATA_ONLY"}
        synchronous = await client.call("StartSyncExecution", "Fast", input="{}", **only)
        assert synchronous["status"] == "SUCCEEDED"
        assert {"input", "output"}.isdisjoint(synchronous)
        assert synchronous["inputDetails"] == synchronous["outputDetails"] == {"included": False}
        arn = (await client.call("StartExecution", "Echo"))["executionArn"]
        assert "input" not in await client.call("DescribeExecution", executionArn=arn, **only)
        assert "definition" not in await client.call("DescribeStateMachine", "Echo", **only)
        assert "definition" not in await client.call("DescribeStateMachineForExecution", executionArn=arn, **only)
        assert "definition" in await client.call("DescribeStateMachine", "Echo", includedData="ALL_DATA")
        assert (await client.refused("DescribeExecution", executionArn=arn, includedData="SOME"))[0] == (
            "ValidationException"
        )

    run(test)


def test_a_definition_is_described_as_it_was_deployed() -> None:
    async def test(client: Client) -> None:
        assert (await client.call("DescribeStateMachine", "Role"))["definition"] == MACHINES["Role"].source

    run(test)


def test_machines_are_listed_and_described() -> None:
    async def test(client: Client) -> None:
        listed = await client.call("ListStateMachines", maxResults=3)
        check_shape("ListStateMachines", listed)
        assert [machine["name"] for machine in listed["stateMachines"]] == ["branches", "echo", "fail"]
        described = await client.call("DescribeStateMachine", "Fast")
        check_shape("DescribeStateMachine", described)
        assert (described["type"], json.loads(described["definition"])) == ("EXPRESS", ECHO)
        arn = (await client.call("StartExecution", "Echo"))["executionArn"]
        check_shape(
            "DescribeStateMachineForExecution",
            await client.call("DescribeStateMachineForExecution", executionArn=arn),
        )
        assert (await client.refused("CreateStateMachine"))[0] == "UnknownOperationException"

    run(test)


def test_only_the_newest_thousand_ended_executions_are_kept() -> None:
    async def test(client: Client) -> None:
        running = (await client.call("StartExecution", "Wait"))["executionArn"]
        for _ in range(1_005):
            await client.call("StartSyncExecution", "Fast")
        assert len(client.service.executions()) == 1_001
        assert client.service.execution(running) is not None

    run(test)


def test_close_waits_then_aborts() -> None:
    async def test(client: Client) -> None:
        slow = (await client.call("StartExecution", "Slow"))["executionArn"]
        late = (await client.call("StartExecution", "Wait"))["executionArn"]
        await client.service.close(40)
        assert (await client.call("DescribeExecution", executionArn=slow))["status"] == "FAILED"
        assert (await client.call("DescribeExecution", executionArn=late))["status"] == "ABORTED"

    run(test)
