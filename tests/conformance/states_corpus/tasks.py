"""Task states."""

from __future__ import annotations

from tests.conformance.states_corpus.machines import (
    ALL,
    Case,
    machine,
    task,
)

_RAISE = {"raise": "Custom"}

TASKS = [
    task("a task", {"a": 1}),
    task("a task with Parameters", {"a": 1}, Parameters={"b.$": "$.a", "c": "d"}),
    task(
        "a task with everything",
        {"a": {"b": 1}, "k": 0},
        InputPath="$.a",
        Parameters={"x.$": "$.b"},
        ResultSelector={"y.$": "$.x", "z": 2},
        ResultPath="$.r",
        OutputPath="$.r",
    ),
    task("a task's result discarded", {"a": 1}, ResultPath=None),
    task("a task that answers a number", {"answer": 5}, "answer"),
    task("a task that answers null", {"answer": None}, "answer"),
    task("a task that answers a list", {"answer": [1, "2"]}, "answer", ResultSelector={"first.$": "$[0]"}),
    task("ResultSelector finds nothing", {"a": 1}, ResultSelector={"b.$": "$.b"}),
    task("Parameters find nothing", {"a": 1}, Parameters={"b.$": "$.b"}),
    task("a failing task", _RAISE, "fail"),
    task("a failing task, caught", _RAISE, "fail", Catch=[{"ErrorEquals": ["Custom"], "Next": "Caught"}]),
    task("caught by States.ALL", _RAISE, "fail", Catch=ALL),
    task(
        "caught by States.TaskFailed", _RAISE, "fail", Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}]
    ),
    task(
        "caught into a ResultPath",
        _RAISE,
        "fail",
        Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}],
    ),
    task(
        "caught and discarded",
        _RAISE,
        "fail",
        Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Caught"}],
    ),
    task(
        "caught by the second",
        _RAISE,
        "fail",
        Catch=[
            {"ErrorEquals": ["Other"], "Next": "Caught"},
            {"ErrorEquals": ["A", "Custom"], "ResultPath": "$.e", "Next": "Caught"},
        ],
    ),
    task("caught without OutputPath", _RAISE, "fail", OutputPath="$.nothing", Catch=ALL),
    task("caught by nothing", _RAISE, "fail", Catch=[{"ErrorEquals": ["Other"], "Next": "Caught"}]),
    task(
        "retried until it works",
        {"key": "a", "fails": 2},
        "flaky",
        Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}],
    ),
    task(
        "retried in vain",
        {"key": "b", "fails": 9},
        "flaky",
        Retry=[{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        Catch=ALL,
    ),
    task(
        "never retried",
        {"key": "c", "fails": 1},
        "flaky",
        Retry=[{"ErrorEquals": ["Flaky"], "MaxAttempts": 0}],
        Catch=ALL,
    ),
    task("not its error to retry", {"key": "d", "fails": 1}, "flaky", Retry=[{"ErrorEquals": ["Other"]}], Catch=ALL),
    task(
        "RetryCount",
        {"key": "e", "fails": 1},
        "flaky",
        Parameters={"key.$": "$.key", "fails.$": "$.fails", "retries.$": "$$.State.RetryCount"},
        Retry=[{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1}],
    ),
    task("no error type", {"raise": None}, "fail"),
    Case(
        "lambda:invoke",
        machine(
            T={
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "echo", "Payload": {"x.$": "$.a"}},
                "ResultSelector": {"p.$": "$.Payload", "s.$": "$.StatusCode", "v.$": "$.ExecutedVersion"},
                "End": True,
            }
        ),
        {"a": [1, {"b": 2}]},
    ),
    Case(
        "lambda:invoke fails",
        machine(
            T={
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "fail", "Payload.$": "$"},
                "End": True,
            }
        ),
        _RAISE,
    ),
    Case(
        "lambda:invoke with a JSON string",
        machine(
            T={
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "echo", "Payload.$": "$.p"},
                "OutputPath": "$.Payload",
                "End": True,
            }
        ),
        {"p": '{"x": 1}'},
    ),
    Case(
        "lambda:invoke with a string",
        machine(
            T={
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "echo", "Payload": "text"},
                "OutputPath": "$.Payload",
                "End": True,
            }
        ),
        {},
    ),
    Case(
        "lambda:invoke with null",
        machine(
            T={
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "echo", "Payload": None},
                "OutputPath": "$.Payload",
                "End": True,
            }
        ),
        {},
    ),
]
