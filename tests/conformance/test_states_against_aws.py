"""Runs the executions that were recorded on AWS: they end alike, with the same history, or are listed with a reason."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.common.errors import ApiError, TemplateError
from emulator.lambda_.functions import Invocation
from emulator.sqs.records import Queue
from emulator.sqs.service import Sqs
from emulator.states import language
from emulator.states.records import StateMachine
from emulator.states.service import StepFunctions
from tests.support.emulator.no_functions import NoFunctions
from tests.support.emulator.virtual_time import VirtualTimeLoop

_RECORDED: list[dict[str, Any]] = json.loads(Path("tests/vectors/aws/states.json").read_text(encoding="utf-8"))["cases"]

_SERVICE = "the emulator has no {}: only Lambda and SQS are integrated"
# What a definition asks for that is refused, and why. The refusal names it.
REFUSED = {
    "arn:aws:states:::apigateway:invoke": "calls out of the stack are not made: only Lambda and SQS are integrated",
    "arn:aws:states:::aws-sdk:dynamodb:putItem": _SERVICE.format("DynamoDB"),
    "arn:aws:states:::aws-sdk:s3:getObject": _SERVICE.format("S3"),
    "arn:aws:states:::aws-sdk:s3:listObjects": _SERVICE.format("S3"),
    "arn:aws:states:::aws-sdk:s3:putObject": _SERVICE.format("S3"),
    "arn:aws:states:::aws-sdk:secretsmanager:createSecret": _SERVICE.format("Secrets Manager"),
    "arn:aws:states:::aws-sdk:secretsmanager:listSecrets": _SERVICE.format("Secrets Manager"),
    "arn:aws:states:::dynamodb:putItem": _SERVICE.format("DynamoDB"),
    "arn:aws:states:::events:putEvents": _SERVICE.format("event bus"),
    "arn:aws:states:::sns:publish": _SERVICE.format("SNS topics"),
    "LogType": "Lambda's log tail is not kept for a caller",
}
# How a history differs although the execution ends alike.
DIFFERENT_HISTORIES = dict.fromkeys(
    ("test_parallel_state_order", "test_parallel_state_nested"),
    "the recording was edited: the branches' events are sorted, and ParallelStateSucceeded and the ends of inner "
    "states are cut out; the ids that AWS gave to the events after them still count them",
)
FIGURES = {"equal": 209, "refused by name": 52, "different": 2}

# What differs from run to run. The recordings hold a word in its place.
_VARYING = {"date", "RequestId", "x-amzn-RequestId", "X-Amzn-Trace-Id"}
_WORDS = {"RandomNumberGenerated": r"-?\d+", "generated-uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"}
_PLACEHOLDER = re.compile(r"<[\w:-]+>|111111111111")
# Traces are not emulated, so there is no id of one.
_LEFT_OUT = {"X-Amzn-Trace-Id"}

_UNKNOWN_QUEUE = "no-such-queue"


def _refused(case: dict[str, Any]) -> str | None:
    text = json.dumps(case["definition"])
    return next((what for what in REFUSED if re.search(rf'"{re.escape(what)}(\.\$)?"', text)), None)


class Functions(NoFunctions):
    """Answers as Lambda did when the execution was recorded."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self._answers = iter(answers)

    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        answer = next(self._answers)
        if "ok" in answer:
            result = answer["ok"]
            return Invocation(json.dumps(result["Payload"] if "SdkHttpMetadata" in result else result).encode())
        error, cause = answer["error"], answer["cause"]
        if error == "States.Timeout":
            await asyncio.sleep(3600)
        if error == "States.DataLimitExceeded":
            return Invocation(json.dumps("x" * 262_144).encode())
        if isinstance(cause, dict):
            return Invocation(json.dumps(cause).encode(), error=True)
        found = re.match(r"(.*) \(Service: AWSLambda; Status Code: (\d+); Error Code: (\w+);", cause)
        assert found is not None, answer
        raise ApiError(found[3], found[1], int(found[2]))


async def _execute(case: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """How the execution ends, and the types of its events."""
    sqs = Sqs([Queue("queue")], base_url="http://127.0.0.1")
    machine = StateMachine("recorded", case["definition"])
    functions = Functions([answer for answer in case["tasks"] if "MD5" not in str(answer)])
    service = StepFunctions([machine], functions, lambda request: sqs.handle("SendMessage", request))
    text = json.dumps(case["input"]).replace("<sqs_queue_url>", sqs.url("queue"))
    text = text.replace("<no_such_sqs_queue_url>", _UNKNOWN_QUEUE)
    started = await service.handle("StartExecution", {"stateMachineArn": machine.arn, "input": text})
    execution = {"executionArn": started["executionArn"]}
    described = {"status": "RUNNING"}
    while described["status"] == "RUNNING":
        await asyncio.sleep(1)
        described = await service.handle("DescribeExecution", execution)
    history = await service.handle("GetExecutionHistory", {**execution, "maxResults": 1000})
    ending = {name: described.get(name) for name in case["expected"]}
    if "output" in described:
        ending["output"] = json.loads(described["output"])
    if isinstance(case["expected"].get("cause"), dict):
        ending["cause"] = json.loads(described["cause"])
    return ending, [event["type"] for event in history["events"]]


def _differences(expected: Any, actual: Any, place: str = "$") -> Iterator[str]:
    """Where `actual` is not as recorded."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in sorted((expected.keys() | actual.keys()) - _LEFT_OUT):
            if name not in expected or name not in actual:
                yield f"{place}.{name} is in one only"
            else:
                yield from _differences(expected[name], actual[name], f"{place}.{name}")
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from _differences(one, other, f"{place}[{index}]")
    elif not _same(expected, actual):
        yield f"{place}: expected {expected!r}, was {actual!r}"


def _same(expected: Any, actual: Any) -> bool:
    if isinstance(expected, str) and (isinstance(actual, str) or expected in _VARYING | _WORDS.keys()):
        return re.fullmatch(_pattern(expected), str(actual), re.DOTALL) is not None
    return type(expected) is type(actual) and bool(expected == actual)


def _pattern(expected: str) -> str:
    """What the recorded text stands for."""
    if expected in _VARYING:
        return ".+"
    known = re.sub(r"no-such-queue-\w{8}", _UNKNOWN_QUEUE, expected)
    return _WORDS.get(expected) or ".+".join(map(re.escape, _PLACEHOLDER.split(known)))


def _cases() -> list[Any]:
    return [pytest.param(case, id=f"{number} {case['name']}") for number, case in enumerate(_RECORDED)]


@pytest.mark.parametrize("case", _cases())
def test_an_execution_ends_as_aws_recorded_it_or_is_refused_by_name(case: dict[str, Any]) -> None:
    if (what := _refused(case)) is not None:
        with pytest.raises(TemplateError, match=re.escape(what)):
            language.parse(case["definition"])
        return
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        ending, events = runner.run(_execute(case))
    assert list(_differences(case["expected"], ending)) == []
    if case["name"] in DIFFERENT_HISTORIES:
        assert events != case["events"], f"no longer different: {DIFFERENT_HISTORIES[case['name']]}"
        assert Counter(case["events"]) <= Counter(events)
    else:
        assert events == case["events"]


def test_the_figures_of_the_tables_are_as_documented() -> None:
    refused = sum(_refused(case) is not None for case in _RECORDED)
    different = sum(case["name"] in DIFFERENT_HISTORIES for case in _RECORDED)
    figures = {
        "equal": len(_RECORDED) - refused - different,
        "refused by name": refused,
        "different": different,
    }
    assert figures == FIGURES


def test_every_refusal_is_met_by_an_execution() -> None:
    assert {_refused(case) for case in _RECORDED} - {None} == REFUSED.keys()
