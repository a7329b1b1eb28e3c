"""Runs the corpus in this interpreter and in moto's and compares outputs, errors and causes."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.utils import TMP_THREADS

from emulator.lambda_.functions import Invocation
from emulator.states.errors import Failure
from emulator.states.interpreter import Execution, Interpreter, Scope
from emulator.states.language import parse
from emulator.states.tasks import Tasks
from tests.conformance.states_corpus import CASES, Case
from tests.support.emulator.no_functions import NoFunctions

ACCOUNT = "123456789012"
REGION = "us-east-1"


_DOCS = "https://docs.aws.amazon.com/step-functions/latest/dg/"
_ERRORS = _DOCS + "concepts-error-handling.html"
_INTRINSICS = _DOCS + "intrinsic-functions.html"
_PATHS = _DOCS + "amazon-states-language-paths.html"
_CHOICE = _DOCS + "state-choice.html"

# The documentation that decides where moto differs.
_ONE_VALUE = f"a path that can select one value only gives that value ({_PATHS})"
_FAILURE = f"States.IntrinsicFailure: a function in a payload template failed ({_ERRORS})"
_ARGUMENTS = f"null and escaped characters are arguments like others ({_INTRINSICS})"
_RUNTIME = f"States.Runtime: an error that Step Functions could not process, such as a path to nothing ({_ERRORS})"
_IS_JSON = f"an execution's output is JSON ({_DOCS}concepts-input-output-filtering.html)"
DIFFERENCES = {
    "$.items[0].price": _ONE_VALUE,
    "States.MathAdd($.items[0].price, 1)": _ONE_VALUE,
    "Parallel with paths": _ONE_VALUE,
    "$.items[?(@.price > 100)].id": f"a filter selects any number of values, so also none ({_PATHS})",
    "States.Format('{} and {} and {}', 1, true, null)": _ARGUMENTS,
    r"States.Format('it\'s {}', $.name)": _ARGUMENTS,
    "States.Array(1, 'two', $.name, null)": _ARGUMENTS,
    "States.StringToJson($.name)": _FAILURE,
    "States.ArrayPartition($.name, 2)": _FAILURE,
    "States.ArrayRange(1, 9, 0)": _FAILURE,
    "States.ArrayRange(1, 2000, 1)": _FAILURE,
    "States.ArrayGetItem($.numbers, 5)": _FAILURE,
    "States.ArrayLength($.name)": _FAILURE,
    "States.Base64Encode($.items)": _FAILURE,
    "States.Hash('text', 'SHA-3')": _FAILURE,
    "States.JsonMerge($.items[0], $.items[1], true)": _FAILURE,
    "States.MathAdd('1', 2)": _FAILURE,
    "States.ArrayLength($.missing)": _RUNTIME,
    "ResultSelector finds nothing": _RUNTIME,
    "Parameters find nothing": _RUNTIME,
    "ItemsPath missing": _RUNTIME,
    "Map over no list": f"ItemsPath must select an array; States.QueryEvaluationError is JSONata's ({_ERRORS})",
    "{'Variable': '$.v', 'NumericEquals': 1} on {}": f"only IsPresent may ask for what is missing ({_CHOICE})",
    "{'Variable': '$.v', 'NumericEqualsPath': '$.w'} on {'v': 1}": f"as above ({_CHOICE})",
    "no choice matches": f"States.NoChoiceMatched ({_ERRORS})",
    "no error type": f"Lambda.Unknown: the function returned no error type ({_ERRORS})",
    "input that is a string": _IS_JSON,
    "lambda:invoke with a string": _IS_JSON,
}


class Functions:
    """The corpus's functions, for both interpreters."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()

    def call(self, name: str, event: Any) -> tuple[Any, bool]:
        """Returns the function's result and whether it is an error."""
        if name == "answer":
            return event["answer"], False
        if name == "fail":
            error = {"errorMessage": "it failed", "errorType": event["raise"], "stackTrace": []}
            return {key: value for key, value in error.items() if value is not None}, True
        if name == "flaky":
            self._calls[event["key"]] += 1
            if self._calls[event["key"]] <= event["fails"]:
                return {"errorMessage": f"call {self._calls[event['key']]}", "errorType": "Flaky"}, True
        return event, False


@dataclass(frozen=True)
class Outcome:
    output: Any = None
    error: str | None = None
    cause: str | None = None


class LocalFunctions(NoFunctions):
    def __init__(self) -> None:
        self._functions = Functions()

    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        result, error = self._functions.call(name_or_arn.rpartition(":")[2], json.loads(payload))
        return Invocation(json.dumps(result, separators=(",", ":")).encode(), error)


async def _no_sleep(seconds: float) -> None:
    pass


async def _no_queue(request: dict[str, Any]) -> dict[str, Any]:
    raise AssertionError(f"the corpus sends no messages, was {request}")


def run_here(case: Case, name: str) -> Outcome:
    interpreter = Interpreter(Tasks(LocalFunctions(), _no_queue), sleep=_no_sleep)
    machine_arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
    execution = Execution({"Name": name, "Input": case.input}, {"Id": machine_arn, "Name": name})
    execution.record("ExecutionStarted", 0, {"input": case.input})
    try:
        return Outcome(output=asyncio.run(interpreter.run(parse(case.definition).graph, case.input, Scope(execution))))
    except Failure as failure:
        return Outcome(error=failure.error, cause=failure.cause)


@pytest.fixture(scope="module")
def moto_outcomes() -> Iterator[dict[str, Outcome]]:
    """Every case's outcome in moto, which runs each execution in its own thread."""
    functions = Functions()

    def invoke(parameters: dict[str, Any], region: str, state_credentials: Any) -> dict[str, Any]:
        function = parameters["FunctionName"].rpartition(":")[2]
        result, error = functions.call(function, json.loads(parameters["Payload"] or b"{}"))
        answer = {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": result}
        return {**answer, "FunctionError": "Unhandled"} if error else answer

    with (
        pytest.MonkeyPatch.context() as patch,
        mock_aws(config={"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}),
    ):
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(variable, "test")
        patch.setattr(lambda_eval_utils, "_invoke_lambda_function", invoke)
        patch.setattr(logging.getLogger("moto"), "disabled", True)
        patch.setattr(retrier_decl, "time", SimpleNamespace(sleep=lambda seconds: None))
        client = boto3.client("stepfunctions", region_name=REGION)
        started = {case.name: _start_in_moto(client, case, f"case-{index}") for index, case in enumerate(CASES)}
        for thread in list(TMP_THREADS):
            thread.join()
        yield {name: _moto_outcome(client, execution) for name, execution in started.items()}


def _start_in_moto(client: Any, case: Case, name: str) -> str:
    role = f"arn:aws:iam::{ACCOUNT}:role/states"
    machine = client.create_state_machine(name=name, definition=json.dumps(case.definition), roleArn=role)
    arn: str = client.start_execution(
        stateMachineArn=machine["stateMachineArn"], name=name, input=json.dumps(case.input)
    )["executionArn"]
    return arn


def _moto_outcome(client: Any, execution: str) -> Outcome:
    answer = client.describe_execution(executionArn=execution)
    if answer["status"] != "SUCCEEDED":
        return Outcome(error=answer.get("error"), cause=answer.get("cause"))
    try:
        # moto omits an output that is null.
        return Outcome(output=json.loads(answer.get("output", "null")))
    except ValueError:
        return Outcome(output=f"not JSON: {answer['output']}")


def _without_spaces(outcome: Outcome) -> Outcome:
    """Returns the outcome with the input that its cause quotes written without spaces, like AWS."""
    quoted = re.search(r"'(\{.*\})'$", outcome.cause or "", re.DOTALL)
    if outcome.cause is None or quoted is None:
        return outcome
    compact = json.dumps(json.loads(quoted[1]), separators=(",", ":"), ensure_ascii=False)
    return replace(outcome, cause=outcome.cause.replace(quoted[1], compact))


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])
def test_the_outcome_is_motos_or_the_difference_is_listed(index: int, moto_outcomes: dict[str, Outcome]) -> None:
    case = CASES[index]
    ours = run_here(case, f"case-{index}")
    theirs = _without_spaces(moto_outcomes[case.name])
    if case.name in DIFFERENCES:
        assert ours != theirs, f"no longer a difference: {DIFFERENCES[case.name]}"
    else:
        assert ours == theirs


@pytest.mark.parametrize("name", [name for name, why in DIFFERENCES.items() if why in (_FAILURE, _RUNTIME)])
def test_a_listed_failure_has_the_documented_name(name: str) -> None:
    index, case = next((index, case) for index, case in enumerate(CASES) if case.name == name)
    expected = "States.IntrinsicFailure" if DIFFERENCES[name] == _FAILURE else "States.Runtime"
    assert run_here(case, f"case-{index}").error == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("$.items[0].price", Outcome(output={"v": 5})),
        ("States.MathAdd($.items[0].price, 1)", Outcome(output={"v": 6})),
        ("Parallel with paths", Outcome(output={"a": {"b": 1}, "k": 1, "r": {"first": 1}})),
        ("$.items[?(@.price > 100)].id", Outcome(output={"v": []})),
        ("States.Format('{} and {} and {}', 1, true, null)", Outcome(output={"v": "1 and true and null"})),
        (r"States.Format('it\'s {}', $.name)", Outcome(output={"v": "it's Ada"})),
        ("States.Array(1, 'two', $.name, null)", Outcome(output={"v": [1, "two", "Ada", None]})),
        ("input that is a string", Outcome(output="text")),
        ("lambda:invoke with a string", Outcome(output="text")),
    ],
)
def test_a_listed_difference_has_the_documented_output(name: str, expected: Outcome) -> None:
    assert run_here(next(case for case in CASES if case.name == name), "machine") == expected


def test_every_listed_difference_is_a_case() -> None:
    assert DIFFERENCES.keys() <= {case.name for case in CASES}
