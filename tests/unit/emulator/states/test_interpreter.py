from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator.common.errors import ApiError
from emulator.lambda_.functions import Invocation
from emulator.states import history
from emulator.states.errors import Failure
from emulator.states.interpreter import Execution, Interpreter, Scope
from emulator.states.language import parse
from emulator.states.tasks import Tasks
from tests.support.emulator.no_functions import NoFunctions

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
TASK = {"Type": "Task", "Resource": FUNCTION, "End": True}
CAUGHT = {"Type": "Pass", "End": True}
QUEUE = "http://127.0.0.1/000000000000/q"


def failing(kind: str) -> Invocation:
    return Invocation(json.dumps({"errorMessage": "no", "errorType": kind}).encode(), error=True)


class Function(NoFunctions):
    """Returns `answers` one after another, then echoes."""

    def __init__(self, *answers: Invocation | Exception) -> None:
        self.answers = list(answers)
        self.payloads: list[Any] = []

    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        self.payloads.append(json.loads(payload))
        answer = self.answers.pop(0) if self.answers else Invocation(payload)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Machine:
    def __init__(self, *states: dict[str, Any], function: Any = None, start: str = "S", **others: Any) -> None:
        named = {f"S{index or ''}": state for index, state in enumerate(states)}
        self.graph = parse({"StartAt": start, "States": {**named, **others}}).graph
        self.function = Function() if function is None else function
        self.sent: list[dict[str, Any]] = []
        self.slept: list[float] = []
        self.execution = Execution({"Name": "e"}, {"Name": "m"}, now=lambda: 1_700_000_000.0)
        self.sleep: Callable[[float], Awaitable[None]] = self._sleep

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        self.sent.append(request)
        if request["QueueUrl"] != QUEUE:
            raise ApiError(request["QueueUrl"].rpartition("/")[2], "no")
        return {"MessageId": "id", "MD5OfMessageBody": "md5"}

    async def start(self, data: Any = None) -> Any:
        interpreter = Interpreter(Tasks(self.function, self._send), sleep=self.sleep, uniform=random.Random(1).uniform)
        self.execution.record("ExecutionStarted", 0, {"input": data})
        return await interpreter.run(self.graph, {} if data is None else data, Scope(self.execution))

    def run(self, data: Any = None) -> Any:
        return asyncio.run(self.start(data))

    def fails(self, data: Any = None) -> Failure:
        with pytest.raises(Failure) as failed:
            self.run(data)
        return failed.value

    def events(self) -> list[tuple[int, int, str]]:
        return [(number, event.previous, event.type) for number, event in enumerate(self.execution.events, 1)]


def retrying(*retriers: dict[str, Any]) -> dict[str, Any]:
    return {**TASK, "Retry": list(retriers)}


def test_retry_waits_longer_each_time_up_to_the_cap() -> None:
    machine = Machine(
        retrying(
            {"ErrorEquals": ["E"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 4, "MaxDelaySeconds": 20}
        ),
        function=Function(*[failing("E")] * 4),
    )
    machine.run()
    assert machine.slept == [2, 6, 18, 20]


def test_full_jitter_waits_anything_up_to_the_delay() -> None:
    retrier = {
        "ErrorEquals": ["E"],
        "IntervalSeconds": 10,
        "BackoffRate": 1,
        "MaxAttempts": 50,
        "JitterStrategy": "FULL",
    }
    machine = Machine(retrying(retrier), function=Function(*[failing("E")] * 50))
    machine.run()
    assert all(0 <= delay <= 10 for delay in machine.slept)
    assert max(machine.slept) - min(machine.slept) > 5


def test_each_retrier_counts_its_own_attempts() -> None:
    machine = Machine(
        retrying(
            {"ErrorEquals": ["A"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1},
            {"ErrorEquals": ["B"], "IntervalSeconds": 5, "MaxAttempts": 1},
        ),
        function=Function(failing("A"), failing("B"), failing("A"), failing("A")),
    )
    assert machine.fails().error == "A"
    assert machine.slept == [1, 5, 1]


def test_zero_attempts_never_retry() -> None:
    machine = Machine(
        retrying({"ErrorEquals": ["E"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}),
        function=Function(failing("E")),
    )
    assert machine.fails().error == "E"
    assert machine.slept == []


@pytest.mark.parametrize(
    ("matcher", "error", "caught"),
    [
        ("States.ALL", "E", True),
        ("States.ALL", "States.Timeout", True),
        ("States.ALL", "States.Runtime", False),
        ("States.ALL", "States.DataLimitExceeded", True),
        ("States.TaskFailed", "States.DataLimitExceeded", True),
        ("States.DataLimitExceeded", "States.DataLimitExceeded", True),
        ("States.Runtime", "States.Runtime", False),
        ("States.TaskFailed", "E", True),
        ("States.TaskFailed", "Lambda.Unknown", True),
        ("States.TaskFailed", "States.Timeout", False),
        ("States.Timeout", "States.Timeout", True),
        ("E", "E", True),
        ("e", "E", False),
    ],
)
def test_which_names_match_which_errors(matcher: str, error: str, caught: bool) -> None:
    state = {**TASK, "Catch": [{"ErrorEquals": [matcher], "Next": "Caught"}]}
    machine = Machine(state, function=Function(failing(error)), Caught=CAUGHT)
    if caught:
        assert machine.run()["Error"] == error
    else:
        assert machine.fails().error == error


def test_an_error_of_a_function_is_passed_as_lambda_wrote_it() -> None:
    payload = b'{"errorMessage":"too far","errorType":"SlippageExceeded","requestId":"r","stackTrace":["a\\n"]}'
    failure = Machine(TASK, function=Function(Invocation(payload, error=True))).fails()
    assert (failure.error, failure.cause) == ("SlippageExceeded", payload.decode())


def test_a_refused_invocation_is_a_service_error() -> None:
    failure = Machine(TASK, function=Function(ApiError("TooManyRequestsException", "Rate Exceeded.", 429))).fails()
    assert failure.error == "Lambda.TooManyRequestsException"
    assert failure.cause is not None
    assert failure.cause.startswith(
        "Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; Request ID: "
    )


def test_a_result_above_the_limit_fails_the_task() -> None:
    failure = Machine(TASK, function=Function(Invocation(json.dumps("x" * 262_143).encode()))).fails()
    assert failure.error == "States.DataLimitExceeded"
    assert failure.cause is not None
    assert failure.cause.startswith(f"The state/task '{FUNCTION}' returned a result with a size exceeding")


def test_the_limit_counts_bytes_of_a_states_output() -> None:
    state = {"Type": "Pass", "Parameters": {"a.$": "$.t", "b.$": "$.t"}, "End": True}
    assert Machine(state).run({"t": "é" * 60_000})
    assert Machine(state).fails({"t": "é" * 70_000}).error == "States.DataLimitExceeded"


def test_a_result_that_is_not_json_fails() -> None:
    assert Machine(TASK, function=Function(Invocation(b"<html>"))).fails().error == "States.Runtime"


def test_the_input_is_never_changed() -> None:
    data = {"a": {"b": 1}}
    state = {"Type": "Pass", "Result": 2, "ResultPath": "$.a.b", "End": True}
    assert Machine(state).run(data) == {"a": {"b": 2}}
    assert data == {"a": {"b": 1}}


@pytest.mark.parametrize(("path", "data"), [("$.r", "text"), ("$.r", [1]), ("$.a.b", {"a": 1}), ("$.l[3]", {"l": []})])
def test_a_result_path_that_does_not_match_can_be_caught(path: str, data: Any) -> None:
    state = {
        **TASK,
        "ResultPath": path,
        "Catch": [{"ErrorEquals": ["States.ResultPathMatchFailure"], "Next": "Caught"}],
    }
    assert Machine(state, Caught=CAUGHT).run(data)["Error"] == "States.ResultPathMatchFailure"


def test_a_failing_intrinsic_can_be_caught() -> None:
    state = {
        **TASK,
        "Parameters": {"n.$": "States.MathAdd($.n, 1)"},
        "Catch": [{"ErrorEquals": ["States.IntrinsicFailure"], "Next": "Caught"}],
    }
    assert Machine(state, Caught=CAUGHT).run({"n": "x"})["Error"] == "States.IntrinsicFailure"


def test_a_wait_sleeps_until_its_time() -> None:
    states = {
        "Type": "Wait",
        "TimestampPath": "$.t",
        "End": True,
    }
    machine = Machine(states)
    machine.run({"t": "2023-11-14T22:13:50+00:00"})
    assert machine.slept == [30]


def test_the_context_object_describes_execution_state_and_machine() -> None:
    state = {"Type": "Pass", "Parameters": {"c.$": "$$"}, "End": True}
    assert Machine(state).run()["c"] == {
        "Execution": {"Name": "e"},
        "StateMachine": {"Name": "m"},
        "State": {"Name": "S", "EnteredTime": "2023-11-14T22:13:20.000Z"},
    }


def branch(name: str, **state: Any) -> dict[str, Any]:
    ends = {} if state["Type"] in ("Fail", "Succeed") else {"End": True}
    return {"StartAt": name, "States": {name: {**state, **ends}}}


def test_a_failing_branch_stops_its_siblings() -> None:
    stopped: list[str] = []

    async def sleep(seconds: float) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            stopped.append("wait")
            raise

    machine = Machine(
        {
            "Type": "Parallel",
            "Branches": [branch("W", Type="Wait", Seconds=60), branch("F", Type="Fail", Error="E")],
            "Catch": [{"ErrorEquals": ["E"], "Next": "Caught"}],
            "End": True,
        },
        Caught=CAUGHT,
    )
    machine.sleep = sleep
    assert machine.run() == {"Error": "E", "Cause": ""}
    assert stopped == ["wait"]
    assert "WaitStateAborted" in [kind for _, _, kind in machine.events()]


def test_a_map_keeps_its_maximum_concurrency() -> None:
    class Counting(Function):
        running = most = 0

        async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            self.running -= 1
            return Invocation(payload)

    function = Counting()
    processor = branch("T", Type="Task", Resource=FUNCTION)
    state = {"Type": "Map", "MaxConcurrency": 3, "ItemProcessor": processor, "End": True}
    assert Machine(state, function=function).run(list(range(10))) == list(range(10))
    assert function.most == 3


def test_an_endless_loop_ends_at_the_limit_of_events_and_does_not_block_others() -> None:
    machine = Machine({"Type": "Pass", "Next": "S1"}, {"Type": "Pass", "Next": "S"})

    async def main() -> int:
        turns = 0
        execution = asyncio.ensure_future(machine.start())
        while not execution.done():
            turns += 1
            await asyncio.sleep(0)
        assert isinstance(execution.exception(), Failure)
        return turns

    assert asyncio.run(main()) > 100
    assert len(machine.execution.events) == 25_000


def test_a_stopped_task_leaves_its_function_running() -> None:
    ended: list[str] = []

    class Slow(Function):
        async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
            await asyncio.sleep(0.01)
            ended.append("function")
            return Invocation(payload)

    async def main() -> None:
        execution = asyncio.ensure_future(Machine(TASK, function=Slow()).start())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        execution.cancel()
        await asyncio.gather(execution, return_exceptions=True)
        assert ended == []
        await asyncio.sleep(0.02)
        assert ended == ["function"]

    asyncio.run(main())


def test_sqs_gets_a_document_as_json_text() -> None:
    state = {
        **TASK,
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": QUEUE, "MessageBody": {"id.$": "$.id"}},
    }
    machine = Machine(state)
    assert machine.run({"id": 7})["MessageId"] == "id"
    assert machine.sent == [{"QueueUrl": QUEUE, "MessageBody": '{"id":7}'}]


@pytest.mark.parametrize(
    ("code", "error", "shown"),
    [
        ("InvalidMessageContents", "SQS.InvalidMessageContentsException", "InvalidMessageContents"),
        ("InvalidParameterValue", "SQS.AmazonSQSException", "InvalidParameterValue"),
        ("MissingParameter", "SQS.AmazonSQSException", "MissingParameter"),
        ("OverLimit", "SQS.AmazonSQSException", "OverLimit"),
        ("QueueDoesNotExist", "SQS.QueueDoesNotExistException", "AWS.SimpleQueueService.NonExistentQueue"),
        ("UnsupportedOperation", "SQS.UnsupportedOperationException", "AWS.SimpleQueueService.UnsupportedOperation"),
    ],
)
def test_a_refusal_by_sqs_has_the_name_of_the_sdks_exception(code: str, error: str, shown: str) -> None:
    failure = Machine(send("m", f"http://127.0.0.1/000000000000/{code}")).fails()
    assert failure.error == error
    assert failure.cause is not None
    assert failure.cause.startswith(f"no (Service: AmazonSQS; Status Code: 400; Error Code: {shown}; Request ID: ")
    assert failure.cause.endswith("; Proxy: null)")


def test_a_queue_url_without_a_host_cannot_be_reached() -> None:
    failure = Machine(send("m", "no-such-queue")).fails()
    assert (failure.error, failure.cause) == (
        "SQS.SdkClientException",
        "Unable to execute HTTP request: no-such-queue: Name or service not known",
    )


def test_a_message_that_is_null_is_not_sent_as_text() -> None:
    machine = Machine(send(None))
    machine.run()
    assert machine.sent == [{"QueueUrl": QUEUE, "MessageBody": None}]


def test_a_parameter_of_a_wrong_type_does_not_start_the_task() -> None:
    state = send("m")
    state["Parameters"]["DelaySeconds"] = "5"
    machine = Machine(state)
    failure = machine.fails()
    assert failure.error == "States.Runtime"
    assert failure.cause == (
        "An error occurred while executing the state 'S' (entered at the event id #2). The Parameters "
        f'\'{{"QueueUrl":"{QUEUE}","MessageBody":"m","DelaySeconds":"5"}}\' could not be used to start the Task: '
        "[The value for the field 'DelaySeconds' must be an INTEGER]"
    )
    assert [kind for _, _, kind in machine.events()] == ["ExecutionStarted", "TaskStateEntered"]


def send(body: Any, url: str = QUEUE) -> dict[str, Any]:
    return {
        **TASK,
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": url, "MessageBody": body},
    }


def test_lambda_invoke_returns_the_services_fields() -> None:
    state = {
        **TASK,
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": FUNCTION, "Payload": {"a": 1}},
    }
    output = Machine(state).run()
    assert (output["StatusCode"], output["Payload"], output["ExecutedVersion"]) == (200, {"a": 1}, "$LATEST")


def test_events_of_a_caught_task_follow_each_other() -> None:
    state = {**TASK, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]}
    machine = Machine(state, function=Function(failing("E")), Caught=CAUGHT)
    machine.run({"a": 1})
    assert machine.events() == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "TaskStateEntered"),
        (3, 2, "LambdaFunctionScheduled"),
        (4, 3, "LambdaFunctionStarted"),
        (5, 4, "LambdaFunctionFailed"),
        (6, 5, "TaskStateExited"),
        (7, 6, "PassStateEntered"),
        (8, 7, "PassStateExited"),
    ]
    assert history.render(machine.execution.events[2], 3) == {
        "timestamp": 1_700_000_000.0,
        "type": "LambdaFunctionScheduled",
        "id": 3,
        "previousEventId": 2,
        "lambdaFunctionScheduledEventDetails": {
            "resource": FUNCTION,
            "input": '{"a":1}',
            "inputDetails": {"truncated": False},
        },
    }


def test_events_of_a_retried_map_are_numbered_as_awss() -> None:
    state = {
        "Type": "Map",
        "ItemProcessor": branch("F", Type="Fail", Error="E"),
        "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],
        "End": True,
    }
    machine = Machine(state)
    machine.fails([1])
    assert machine.events()[1:] == [
        (2, 0, "MapStateEntered"),
        (3, 2, "MapStateStarted"),
        (4, 3, "MapIterationStarted"),
        (5, 4, "FailStateEntered"),
        (6, 5, "MapIterationFailed"),
        (7, 5, "MapStateStarted"),
        (8, 7, "MapIterationStarted"),
        (9, 8, "FailStateEntered"),
        (10, 9, "MapIterationFailed"),
        (11, 9, "MapStateFailed"),
    ]


PASS = {"Type": "Pass", "End": True}


def test_the_iterations_of_a_map_follow_each_others_last_state() -> None:
    processor = {"StartAt": "P", "States": {"P": PASS}}
    machine = Machine({"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": processor, "End": True})
    machine.run([1, 2])
    assert machine.events()[2:] == [
        (3, 2, "MapStateStarted"),
        (4, 3, "MapIterationStarted"),
        (5, 4, "PassStateEntered"),
        (6, 5, "PassStateExited"),
        (7, 6, "MapIterationSucceeded"),
        (8, 6, "MapIterationStarted"),
        (9, 8, "PassStateEntered"),
        (10, 9, "PassStateExited"),
        (11, 10, "MapIterationSucceeded"),
        (12, 11, "MapStateSucceeded"),
        (13, 11, "MapStateExited"),
    ]


def test_the_iterations_that_a_map_runs_at_once_start_together() -> None:
    machine = Machine({"Type": "Map", "ItemProcessor": {"StartAt": "P", "States": {"P": PASS}}, "End": True})
    machine.run([1, 2])
    assert machine.events()[2:7] == [
        (3, 2, "MapStateStarted"),
        (4, 3, "MapIterationStarted"),
        (5, 3, "MapIterationStarted"),
        (6, 4, "PassStateEntered"),
        (7, 6, "PassStateExited"),
    ]


def test_the_success_of_a_parallel_state_follows_its_last_branch_and_its_exit_the_same_event() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Parallel", "Branches": [branch("P", **PASS)], "End": True}}}
    machine = Machine({"Type": "Parallel", "Branches": [inner], "End": True})
    machine.run()
    assert machine.events()[1:] == [
        (2, 0, "ParallelStateEntered"),
        (3, 2, "ParallelStateStarted"),
        (4, 3, "ParallelStateEntered"),
        (5, 4, "ParallelStateStarted"),
        (6, 5, "PassStateEntered"),
        (7, 6, "PassStateExited"),
        (8, 7, "ParallelStateSucceeded"),
        (9, 7, "ParallelStateExited"),
        (10, 9, "ParallelStateSucceeded"),
        (11, 9, "ParallelStateExited"),
    ]


def test_a_task_that_fails_in_a_branch_is_aborted_before_the_parallel_state_fails() -> None:
    machine = Machine(
        {
            "Type": "Parallel",
            "Branches": [branch("T", Type="Task", Resource=FUNCTION)],
            "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
            "End": True,
        },
        function=Function(failing("E"), failing("E")),
        Caught=CAUGHT,
    )
    machine.run()
    assert machine.events()[6:] == [
        (7, 6, "LambdaFunctionFailed"),
        (8, 7, "TaskStateAborted"),
        (9, 7, "ParallelStateStarted"),
        (10, 9, "TaskStateEntered"),
        (11, 10, "LambdaFunctionScheduled"),
        (12, 11, "LambdaFunctionStarted"),
        (13, 12, "LambdaFunctionFailed"),
        (14, 13, "TaskStateAborted"),
        (15, 13, "ParallelStateFailed"),
        (16, 15, "ParallelStateExited"),
        (17, 16, "PassStateEntered"),
        (18, 17, "PassStateExited"),
    ]


def test_the_first_iteration_that_fails_aborts_the_others_also_those_that_fail_with_it() -> None:
    processor = branch("T", Type="Task", Resource=FUNCTION)
    machine = Machine(
        {"Type": "Map", "ItemProcessor": processor, "End": True}, function=Function(failing("E"), failing("E"))
    )
    machine.fails([1, 2])
    assert machine.events()[11:] == [
        (12, 10, "LambdaFunctionFailed"),
        (13, 11, "LambdaFunctionFailed"),
        (14, 12, "MapIterationFailed"),
        (15, 12, "TaskStateAborted"),
        (16, 12, "MapIterationAborted"),
        (17, 12, "TaskStateAborted"),
        (18, 12, "MapStateFailed"),
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (r"""$['a"b']""", 'a"b'),
        (r"""$["a'b"]""", "a'b"),
        (r"$['a\"b']", r"a\"b"),
        (r"""$['a\""b"']""", r'a\""b"'),
        (r"$['a\'b']", r"a\'b"),
        (r"""$["a\"b"]""", r"a\"b"),
        (r"$['a\\']", r"a\\"),
        (r"$['a\nb']", r"a\nb"),
        (r"$['a.b']", "a.b"),
        (r"$['a,b)']", "a,b)"),
    ],
)
def test_a_quoted_name_in_a_path_is_taken_as_it_stands(path: str, name: str) -> None:
    chosen = {"Variable": path, "NumericEquals": 7, "Next": "S1"}
    machine = Machine(
        {"Type": "Choice", "Choices": [chosen]},
        {
            "Type": "Pass",
            "InputPath": path,
            "Parameters": {"v.$": "$"},
            "ResultPath": "$.out",
            "Next": "S2",
        },
        {
            "Type": "Pass",
            "Parameters": {"f.$": f"States.Format('{{}}-{{}}', {path}, 1)", "v.$": path},
            "ResultPath": path,
            "End": True,
        },
    )
    assert machine.run({name: 7}) == {name: {"f": "7-1", "v": 7}, "out": {"v": 7}}


def test_a_rule_may_be_commented_at_every_depth() -> None:
    comparison = {"Variable": "$.v", "NumericEquals": 1, "Comment": "one"}
    rule = {
        "And": [{"Or": [comparison], "Comment": "any"}, {"Not": {"Not": comparison, "Comment": "no"}}],
        "Comment": "all",
        "Next": "S1",
    }
    machine = Machine({"Type": "Choice", "Choices": [rule]}, {"Type": "Pass", "Result": "chosen", "End": True})
    assert machine.run({"v": 1}) == "chosen"


@pytest.mark.parametrize(("days", "too_long"), [(24_855, False), (24_856, True)])
def test_a_wait_may_last_as_many_days_as_on_aws(days: int, too_long: bool) -> None:
    until = datetime.fromtimestamp(1_700_000_000, UTC) + timedelta(days=days)
    machine = Machine({"Type": "Wait", "TimestampPath": "$.until", "End": True})
    given = {"until": until.isoformat()}
    if not too_long:
        machine.run(given)
        assert machine.slept == [days * 86_400]
        return
    failure = machine.fails(given)
    assert failure.error == "States.Runtime"
    assert str(failure.cause).endswith("Wait state delay is too long.")


@pytest.mark.parametrize(
    ("task", "cause"),
    [
        ({**TASK, "Resource": FUNCTION}, '{"errorMessage": "no", "errorType": "E"}'),
        (
            {**TASK, "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": FUNCTION}},
            '{"errorMessage":"no","errorType":"E"}',
        ),
    ],
)
def test_only_lambda_invoke_takes_the_spaces_out_of_a_cause(task: dict[str, Any], cause: str) -> None:
    assert Machine(task, function=Function(failing("E"))).fails().cause == cause
