"""Tasks: retries, errors, Lambda and SQS."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.common.errors import ApiError
from emulator.lambda_.functions import Invocation
from tests.support.emulator.interpreter import (
    CAUGHT,
    FUNCTION,
    QUEUE,
    TASK,
    Function,
    Machine,
    failing,
    retrying,
    send,
)


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


def test_a_stopped_task_leaves_its_function_running() -> None:
    begun = asyncio.Event()
    ended: list[str] = []

    class Slow(Function):
        async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
            return await asyncio.shield(self.run(payload))

        async def run(self, payload: bytes) -> Invocation:
            begun.set()
            await asyncio.sleep(0.01)
            ended.append("function")
            return Invocation(payload)

    async def main() -> None:
        execution = asyncio.ensure_future(Machine(TASK, function=Slow()).start())
        await begun.wait()
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


def test_lambda_invoke_returns_the_services_fields() -> None:
    state = {
        **TASK,
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": FUNCTION, "Payload": {"a": 1}},
    }
    output = Machine(state).run()
    assert (output["StatusCode"], output["Payload"], output["ExecutedVersion"]) == (200, {"a": 1}, "$LATEST")


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
