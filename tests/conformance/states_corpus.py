"""Small state machines with inputs, for running in several interpreters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"


@dataclass(frozen=True)
class Case:
    name: str
    definition: dict[str, Any]
    input: Any


def _machine(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def _pass(name: str, given: Any, **fields: Any) -> Case:
    return Case(name, _machine(P={"Type": "Pass", **fields, "End": True}), given)


def _value(expression: str, given: Any = None) -> Case:
    """The value of one path or intrinsic function."""
    return _pass(expression, {} if given is None else given, Parameters={"v.$": expression})


def _choice(rule: dict[str, Any], given: Any) -> Case:
    definition = _machine(
        C={"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
        Yes={"Type": "Pass", "Result": True, "End": True},
        No={"Type": "Pass", "Result": False, "End": True},
    )
    return Case(f"{rule} on {given}", definition, given)


def _task(name: str, given: Any, function: str = "echo", **fields: Any) -> Case:
    """One task, whose catchers may lead to `Caught`."""
    states = {"T": {"Type": "Task", "Resource": FUNCTION + function, **fields, "End": True}}
    if "Catch" in fields:
        states["Caught"] = {"Type": "Pass", "Parameters": {"caught.$": "$"}, "End": True}
    return Case(name, _machine(**states), given)


def _state(name: str, given: Any, **fields: Any) -> Case:
    states = {"S": {**fields, "End": True}}
    if "Catch" in fields:
        states["Caught"] = {"Type": "Pass", "Parameters": {"caught.$": "$"}, "End": True}
    return Case(name, _machine(**states), given)


def _branch(**fields: Any) -> dict[str, Any]:
    ends = {} if fields["Type"] in ("Fail", "Succeed") else {"End": True}
    return {"StartAt": "B", "States": {"B": {**fields, **ends}}}


def _named(name: str, branch: dict[str, Any]) -> dict[str, Any]:
    """`branch` with another name for its only state: names are unique in a machine."""
    return {"StartAt": name, "States": {name: branch["States"]["B"]}}


_DOCUMENT = {
    "name": "Ada",
    "items": [{"id": 1, "price": 5}, {"id": 2, "price": 15}, {"id": 3, "price": 25}],
    "nested": {"deep": {"list": [[1, 2], [3, 4]]}},
    "text": '{"a": [1, 2.5]}',
    "odd-key": "hyphen",
    "null": None,
    "numbers": [3, 1, 2, 3, 1],
    "flag": True,
    "fractions": [1.5, -1.5, 2.4],
}

_PATHS = [
    _value(path, _DOCUMENT)
    for path in (
        "$",
        "$.name",
        "$['name']",
        "$.nested.deep.list[1][0]",
        "$.items[0].price",
        "$.items[2]",
        "$.items[*].id",
        "$.items[0:2].id",
        "$..price",
        "$.items[?(@.price > 10)].id",
        "$.items[?(@.price > 100)].id",
        "$.items[?(@.id == 2)]",
        "$.null",
        "$.missing",
        "$.nested.missing.more",
        "$.flag",
        "$['odd-key']",
        "$.nested['deep'].list",
        "$$.State.Name",
        "$$.Execution.Input.name",
        "$$.Execution.Name",
        "$$.StateMachine.Name",
    )
]

_INTRINSICS = [
    _value(expression, _DOCUMENT)
    for expression in (
        "States.Format('Hello {}', $.name)",
        "States.Format('{} and {} and {}', 1, true, null)",
        "States.Format('{}', $.items)",
        "States.Format('{}', $.nested)",
        "States.Format('plain')",
        r"States.Format('it\'s {}', $.name)",
        "States.Format($.name)",
        "States.StringToJson($.text)",
        "States.StringToJson($.name)",
        "States.JsonToString($.items)",
        "States.JsonToString($.flag)",
        "States.Array()",
        "States.Array(1, 'two', $.name, null)",
        "States.Array($.items, States.Array($.fractions, -2))",
        "States.ArrayPartition($.numbers, 2)",
        "States.ArrayPartition($.numbers, 10)",
        "States.ArrayPartition($.name, 2)",
        "States.ArrayContains($.numbers, 2)",
        "States.ArrayContains($.numbers, 9)",
        "States.ArrayContains($.numbers, '2')",
        "States.ArrayContains($.items, $.items[1])",
        "States.ArrayRange(1, 9, 2)",
        "States.ArrayRange(0, 0, 1)",
        "States.ArrayRange(5, 1, 1)",
        "States.ArrayRange(1, 9, 0)",
        "States.ArrayRange(1, 2000, 1)",
        "States.ArrayGetItem($.numbers, 0)",
        "States.ArrayGetItem($.numbers, 4)",
        "States.ArrayGetItem($.numbers, 5)",
        "States.ArrayLength($.items)",
        "States.ArrayLength($.name)",
        "States.ArrayUnique($.numbers)",
        "States.Base64Encode('Data to encode')",
        "States.Base64Decode('RGF0YSB0byBlbmNvZGU=')",
        "States.Base64Encode($.items)",
        "States.Hash('text', 'MD5')",
        "States.Hash('text', 'SHA-1')",
        "States.Hash('text', 'SHA-256')",
        "States.Hash('text', 'SHA-384')",
        "States.Hash($.name, 'SHA-512')",
        "States.Hash('text', 'SHA-3')",
        "States.JsonMerge($.nested, $.items[0], false)",
        "States.JsonMerge($.items[0], $.items[1], false)",
        "States.JsonMerge($.items[0], $.items[1], true)",
        "States.MathAdd(1, -1)",
        "States.MathAdd($.fractions[0], $.fractions[2])",
        "States.MathAdd($.fractions[1], 0)",
        "States.MathAdd('1', 2)",
        "States.MathAdd($.items[0].price, 1)",
        "States.StringSplit('1,2,3', ',')",
        "States.StringSplit('This.is+a,test=string', '.+,=')",
        "States.StringSplit(',a,,b,', ',')",
        "States.ArrayGetItem(States.StringSplit('a/b/c', '/'), 2)",
        "States.ArrayLength(States.ArrayPartition(States.ArrayRange(1, 10, 1), States.MathAdd(1, 2)))",
        "States.Format('{}-{}', $$.State.Name, States.ArrayGetItem($.numbers, 1))",
        "States.ArrayLength($.missing)",
    )
]

_DATA_FLOW = [
    _pass("Result", {"a": 1}, Result={"b": [1]}),
    _pass("Result null", {"a": 1}, Result=None),
    _pass("Result in ResultPath", {"a": 1}, Result={"b": 2}, ResultPath="$.r"),
    _pass("ResultPath makes objects", {"a": 1}, Result=5, ResultPath="$.x.y.z"),
    _pass("ResultPath replaces", {"a": {"b": 1, "c": 2}}, Result=5, ResultPath="$.a.b"),
    _pass("ResultPath null", {"a": 1}, Result=5, ResultPath=None),
    _pass("InputPath", {"a": {"b": 1}}, InputPath="$.a"),
    _pass("InputPath null", {"a": {"b": 1}}, InputPath=None),
    _pass("InputPath missing", {"a": 1}, InputPath="$.b"),
    _pass("InputPath in the context", {"a": 1}, InputPath="$$.Execution.Input"),
    _pass("OutputPath", {"a": {"b": 1}}, OutputPath="$.a"),
    _pass("OutputPath null", {"a": 1}, OutputPath=None),
    _pass("OutputPath missing", {"a": 1}, OutputPath="$.b"),
    _pass("InputPath and ResultPath", {"a": {"b": 1}, "k": 2}, InputPath="$.a", ResultPath="$.copy"),
    _pass("Parameters", {"a": 1}, Parameters={"x": "literal $.a", "y.$": "$.a", "z": {"w.$": "$.a"}}),
    _pass("Parameters in arrays", {"a": 1}, Parameters={"l": [{"v.$": "$.a"}, 2, "$.a"]}),
    _pass("Parameters and ResultPath", {"a": 1}, Parameters={"y.$": "$.a"}, ResultPath="$.p"),
    _pass("Parameters of nothing", {"a": 1}, Parameters={}),
    _pass("a whole path as Parameters", [1, 2], Parameters={"all.$": "$", "first.$": "$[0]"}),
    _pass("input that is a string", "text"),
    _pass("input that is a number", 1.25),
    _pass("input that is null", None),
    _pass("characters beyond ASCII", {"a": "é✓😀"}, Parameters={"v.$": "$.a"}),
]

_CHOICES = [
    _choice(rule, given)
    for rule, given in (
        ({"Variable": "$.v", "StringEquals": "a"}, {"v": "a"}),
        ({"Variable": "$.v", "StringEquals": "a"}, {"v": 1}),
        ({"Variable": "$.v", "StringLessThan": "b"}, {"v": "a"}),
        ({"Variable": "$.v", "StringGreaterThan": "b"}, {"v": "a"}),
        ({"Variable": "$.v", "StringLessThanEquals": "a"}, {"v": "a"}),
        ({"Variable": "$.v", "StringGreaterThanEquals": "a"}, {"v": "b"}),
        ({"Variable": "$.v", "StringEqualsPath": "$.w"}, {"v": "a", "w": "a"}),
        ({"Variable": "$.v", "StringLessThanPath": "$.w"}, {"v": "a", "w": "b"}),
        ({"Variable": "$.v", "StringMatches": "log-*.txt"}, {"v": "log-2026.txt"}),
        ({"Variable": "$.v", "StringMatches": "*"}, {"v": ""}),
        ({"Variable": "$.v", "StringMatches": "a*"}, {"v": "ba"}),
        ({"Variable": "$.v", "NumericEquals": 1}, {"v": 1.0}),
        ({"Variable": "$.v", "NumericEquals": 1}, {"v": "1"}),
        ({"Variable": "$.v", "NumericEquals": 1}, {"v": True}),
        ({"Variable": "$.v", "NumericLessThan": 2.5}, {"v": 2}),
        ({"Variable": "$.v", "NumericGreaterThan": 2}, {"v": 2}),
        ({"Variable": "$.v", "NumericLessThanEquals": 2}, {"v": 2}),
        ({"Variable": "$.v", "NumericGreaterThanEquals": 2}, {"v": 1}),
        ({"Variable": "$.v", "NumericGreaterThanPath": "$.w"}, {"v": 3, "w": 2}),
        ({"Variable": "$.v", "NumericEqualsPath": "$.w"}, {"v": 3, "w": 3}),
        ({"Variable": "$.v", "BooleanEquals": True}, {"v": True}),
        ({"Variable": "$.v", "BooleanEquals": False}, {"v": "false"}),
        ({"Variable": "$.v", "BooleanEqualsPath": "$.w"}, {"v": False, "w": False}),
        ({"Variable": "$.v", "TimestampEquals": "2026-01-01T00:00:00Z"}, {"v": "2026-01-01T00:00:00Z"}),
        ({"Variable": "$.v", "TimestampLessThan": "2026-01-01T00:00:00Z"}, {"v": "2025-01-01T00:00:00Z"}),
        ({"Variable": "$.v", "TimestampGreaterThan": "2026-01-01T00:00:00Z"}, {"v": "no time"}),
        (
            {"Variable": "$.v", "TimestampGreaterThanEqualsPath": "$.w"},
            {"v": "2026-01-02T00:00:00Z", "w": "2026-01-01T00:00:00Z"},
        ),
        ({"Variable": "$.v", "IsPresent": True}, {"v": None}),
        ({"Variable": "$.v", "IsPresent": True}, {}),
        ({"Variable": "$.v", "IsPresent": False}, {}),
        ({"Variable": "$.v", "IsNull": True}, {"v": None}),
        ({"Variable": "$.v", "IsNull": False}, {"v": 1}),
        ({"Variable": "$.v", "IsNumeric": True}, {"v": 1.5}),
        ({"Variable": "$.v", "IsNumeric": True}, {"v": "1"}),
        ({"Variable": "$.v", "IsString": True}, {"v": "x"}),
        ({"Variable": "$.v", "IsBoolean": True}, {"v": False}),
        ({"Variable": "$.v", "IsTimestamp": True}, {"v": "2026-01-01T00:00:00Z"}),
        ({"Variable": "$.v", "IsTimestamp": True}, {"v": "yesterday"}),
        ({"Not": {"Variable": "$.v", "NumericEquals": 1}}, {"v": 2}),
        ({"And": [{"Variable": "$.v", "IsPresent": True}, {"Variable": "$.v", "NumericEquals": 1}]}, {"v": 1}),
        ({"And": [{"Variable": "$.v", "IsPresent": True}, {"Variable": "$.v", "NumericEquals": 1}]}, {}),
        ({"Or": [{"Variable": "$.v", "NumericEquals": 2}, {"Variable": "$.v", "NumericEquals": 1}]}, {"v": 1}),
        (
            {"Not": {"Or": [{"Variable": "$.v", "NumericEquals": 2}, {"Not": {"Variable": "$.v", "IsString": True}}]}},
            {"v": "s"},
        ),
        ({"Variable": "$.v", "NumericEquals": 1}, {}),
        ({"Variable": "$.v", "NumericEqualsPath": "$.w"}, {"v": 1}),
        ({"Variable": "$$.Execution.Input.v", "NumericEquals": 1}, {"v": 1}),
    )
] + [
    Case(
        "no choice matches",
        _machine(
            C={"Type": "Choice", "Choices": [{"Variable": "$.v", "NumericEquals": 1, "Next": "Y"}]},
            Y={"Type": "Succeed"},
        ),
        {"v": 2},
    ),
    Case(
        "the first rule that matches",
        _machine(
            C={
                "Type": "Choice",
                "InputPath": "$.a",
                "OutputPath": "$.v",
                "Choices": [
                    {"Variable": "$.v", "NumericEquals": 0, "Next": "A"},
                    {"Variable": "$.v", "NumericLessThan": 5, "Next": "B"},
                    {"Variable": "$.v", "NumericLessThan": 9, "Next": "A"},
                ],
            },
            A={"Type": "Fail"},
            B={"Type": "Succeed"},
        ),
        {"a": {"v": 3}},
    ),
    Case(
        "a loop counts",
        _machine(
            Add={"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Enough"},
            Enough={
                "Type": "Choice",
                "Choices": [{"Variable": "$.n", "NumericLessThan": 4, "Next": "Add"}],
                "Default": "Done",
            },
            Done={"Type": "Succeed", "OutputPath": "$.n"},
        ),
        {"n": 0},
    ),
]


def _single(name: str, given: Any, **fields: Any) -> Case:
    return Case(name, _machine(S=fields), given)


_ENDS = [
    _single("Succeed", {"a": {"b": 1}}, Type="Succeed", InputPath="$.a"),
    _single("Succeed with OutputPath", {"a": {"b": 1}}, Type="Succeed", OutputPath="$.a.b"),
    _single("Fail", {}, Type="Fail", Error="E", Cause="why"),
    _single("Fail with nothing", {}, Type="Fail"),
    _single("Fail with an error only", {}, Type="Fail", Error="E"),
    _single("ErrorPath and CausePath", {"e": "E", "c": "why"}, Type="Fail", ErrorPath="$.e", CausePath="$.c"),
    _single("CausePath by an intrinsic", {"e": "E"}, Type="Fail", Error="E", CausePath="States.Format('{}!', $.e)"),
    _single("ErrorPath by the context", {}, Type="Fail", ErrorPath="$$.State.Name", Cause="c"),
    _single("ErrorPath missing", {}, Type="Fail", ErrorPath="$.e"),
    _state("Wait", {"a": 1}, Type="Wait", Seconds=0),
    _state("Wait with paths", {"a": {"s": 0}}, Type="Wait", InputPath="$.a", SecondsPath="$.s", OutputPath="$.s"),
    _state("Wait until the past", {"a": 1}, Type="Wait", Timestamp="2020-01-01T00:00:00Z"),
    _state("Wait until a path", {"a": "2020-01-01T00:00:00Z"}, Type="Wait", TimestampPath="$.a"),
    _state("Wait until no time", {"a": "2020-13-01T00:00:00Z"}, Type="Wait", TimestampPath="$.a"),
    _state("Wait for no number", {"s": "x"}, Type="Wait", SecondsPath="$.s"),
    _state("Wait for a fraction", {"s": 1.5}, Type="Wait", SecondsPath="$.s"),
    _state("Wait for less than nothing", {"s": -1}, Type="Wait", SecondsPath="$.s"),
    _state("Wait for what is missing", {"a": {}}, Type="Wait", SecondsPath="$.a.s"),
]

_ALL = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
_RAISE = {"raise": "Custom"}

_TASKS = [
    _task("a task", {"a": 1}),
    _task("a task with Parameters", {"a": 1}, Parameters={"b.$": "$.a", "c": "d"}),
    _task(
        "a task with everything",
        {"a": {"b": 1}, "k": 0},
        InputPath="$.a",
        Parameters={"x.$": "$.b"},
        ResultSelector={"y.$": "$.x", "z": 2},
        ResultPath="$.r",
        OutputPath="$.r",
    ),
    _task("a task's result discarded", {"a": 1}, ResultPath=None),
    _task("a task that answers a number", {"answer": 5}, "answer"),
    _task("a task that answers null", {"answer": None}, "answer"),
    _task("a task that answers a list", {"answer": [1, "2"]}, "answer", ResultSelector={"first.$": "$[0]"}),
    _task("ResultSelector finds nothing", {"a": 1}, ResultSelector={"b.$": "$.b"}),
    _task("Parameters find nothing", {"a": 1}, Parameters={"b.$": "$.b"}),
    _task("a failing task", _RAISE, "fail"),
    _task("a failing task, caught", _RAISE, "fail", Catch=[{"ErrorEquals": ["Custom"], "Next": "Caught"}]),
    _task("caught by States.ALL", _RAISE, "fail", Catch=_ALL),
    _task(
        "caught by States.TaskFailed", _RAISE, "fail", Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}]
    ),
    _task(
        "caught into a ResultPath",
        _RAISE,
        "fail",
        Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}],
    ),
    _task(
        "caught and discarded",
        _RAISE,
        "fail",
        Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Caught"}],
    ),
    _task(
        "caught by the second",
        _RAISE,
        "fail",
        Catch=[
            {"ErrorEquals": ["Other"], "Next": "Caught"},
            {"ErrorEquals": ["A", "Custom"], "ResultPath": "$.e", "Next": "Caught"},
        ],
    ),
    _task("caught without OutputPath", _RAISE, "fail", OutputPath="$.nothing", Catch=_ALL),
    _task("caught by nothing", _RAISE, "fail", Catch=[{"ErrorEquals": ["Other"], "Next": "Caught"}]),
    _task(
        "retried until it works",
        {"key": "a", "fails": 2},
        "flaky",
        Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}],
    ),
    _task(
        "retried in vain",
        {"key": "b", "fails": 9},
        "flaky",
        Retry=[{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        Catch=_ALL,
    ),
    _task(
        "never retried",
        {"key": "c", "fails": 1},
        "flaky",
        Retry=[{"ErrorEquals": ["Flaky"], "MaxAttempts": 0}],
        Catch=_ALL,
    ),
    _task("not its error to retry", {"key": "d", "fails": 1}, "flaky", Retry=[{"ErrorEquals": ["Other"]}], Catch=_ALL),
    _task(
        "RetryCount",
        {"key": "e", "fails": 1},
        "flaky",
        Parameters={"key.$": "$.key", "fails.$": "$.fails", "retries.$": "$$.State.RetryCount"},
        Retry=[{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1}],
    ),
    _task("no error type", {"raise": None}, "fail"),
    Case(
        "lambda:invoke",
        _machine(
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
        _machine(
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
        _machine(
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
        _machine(
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
        _machine(
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

_BOOM = _branch(Type="Fail", Error="Boom", Cause="branch")
_ECHO = _branch(Type="Pass")
_FAIL_TASK = _branch(Type="Task", Resource=FUNCTION + "fail", Parameters={"raise": "Inner"})


def _map(name: str, given: Any, processor: dict[str, Any] = _ECHO, **fields: Any) -> Case:
    return _state(name, given, Type="Map", ItemProcessor=processor, **fields)


_FAN_OUT = [
    _state("Parallel", {"a": 1}, Type="Parallel", Branches=[_ECHO, _named("B2", _branch(Type="Pass", Result=2))]),
    _state(
        "Parallel with paths",
        {"a": {"b": 1}, "k": 1},
        Type="Parallel",
        InputPath="$.a",
        Parameters={"c.$": "$.b"},
        Branches=[_ECHO],
        ResultSelector={"first.$": "$[0].c"},
        ResultPath="$.r",
    ),
    _state("Parallel fails", {}, Type="Parallel", Branches=[_ECHO, _named("B2", _BOOM)]),
    _state(
        "Parallel caught",
        {"a": 1},
        Type="Parallel",
        Branches=[_BOOM],
        Catch=[{"ErrorEquals": ["Boom"], "ResultPath": "$.e", "Next": "Caught"}],
    ),
    _state("Parallel caught by States.ALL", {}, Type="Parallel", Branches=[_FAIL_TASK], Catch=_ALL),
    _state(
        "Parallel caught by States.TaskFailed",
        {},
        Type="Parallel",
        Branches=[_FAIL_TASK],
        Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}],
    ),
    _state(
        "Parallel retried in vain",
        {},
        Type="Parallel",
        Branches=[_BOOM],
        Retry=[{"ErrorEquals": ["Boom"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        Catch=_ALL,
    ),
    _state(
        "Parallel in Parallel",
        1,
        Type="Parallel",
        Branches=[
            {
                "StartAt": "I",
                "States": {"I": {"Type": "Parallel", "Branches": [_ECHO, _named("B2", _ECHO)], "End": True}},
            },
            _named("B3", _ECHO),
        ],
    ),
    _map("Map", [1, 2, 3]),
    _map("Map of nothing", []),
    _map("Map one at a time", ["a", "b"], MaxConcurrency=1),
    _map("ItemsPath", {"list": [1, 2], "k": 9}, ItemsPath="$.list", ResultPath="$.out"),
    _map(
        "ItemSelector",
        {"list": ["x", "y"], "k": 9},
        ItemsPath="$.list",
        ItemSelector={"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "k.$": "$.k"},
    ),
    _map("MaxConcurrencyPath", {"list": [1], "m": 2}, ItemsPath="$.list", MaxConcurrencyPath="$.m"),
    _map("MaxConcurrencyPath of no number", {"list": [1], "m": "x"}, ItemsPath="$.list", MaxConcurrencyPath="$.m"),
    _map("MaxConcurrencyPath below 0", {"list": [1], "m": -1}, ItemsPath="$.list", MaxConcurrencyPath="$.m"),
    _map("Map over no list", {"list": {"a": 1}}, ItemsPath="$.list"),
    _map("ItemsPath missing", {}, ItemsPath="$.list"),
    _map("Map with ResultSelector", [5, 6], ResultSelector={"all.$": "$", "second.$": "$[1]"}),
    _map("Map fails", [1], _BOOM),
    _map(
        "Map caught",
        {"l": [1, 2]},
        _BOOM,
        ItemsPath="$.l",
        Catch=[{"ErrorEquals": ["Boom"], "ResultPath": "$.e", "Next": "Caught"}],
    ),
    _map("Map of tasks", [{"x": 1}, {"x": 2}], _branch(Type="Task", Resource=FUNCTION + "echo", ResultPath="$.r")),
    _map(
        "Map in Map",
        [[1, 2], [3]],
        {
            "StartAt": "I",
            "States": {
                "I": {
                    "Type": "Map",
                    "ItemProcessor": _named("B2", _branch(Type="Pass", Parameters={"v.$": "$$.Map.Item.Value"})),
                    "End": True,
                }
            },
        },
    ),
    _map("ProcessorConfig", [1], {"ProcessorConfig": {"Mode": "INLINE"}, **_ECHO}),
    _state(
        "Iterator and Parameters",
        {"l": [1], "k": 2},
        Type="Map",
        Iterator=_ECHO,
        ItemsPath="$.l",
        Parameters={"v.$": "$$.Map.Item.Value", "k.$": "$.k"},
    ),
]

CASES = [*_PATHS, *_INTRINSICS, *_DATA_FLOW, *_CHOICES, *_ENDS, *_TASKS, *_FAN_OUT]
