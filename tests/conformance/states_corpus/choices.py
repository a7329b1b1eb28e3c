"""Choice states."""

from __future__ import annotations

from tests.conformance.states_corpus.machines import (
    Case,
    choice,
    machine,
)

CHOICES = [
    choice(rule, given)
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
        machine(
            C={"Type": "Choice", "Choices": [{"Variable": "$.v", "NumericEquals": 1, "Next": "Y"}]},
            Y={"Type": "Succeed"},
        ),
        {"v": 2},
    ),
    Case(
        "the first rule that matches",
        machine(
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
        machine(
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
