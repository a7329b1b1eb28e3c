"""What the template allows its functions: by AWS's own translation of it, statement by statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.translation import as_list, references, translated

ALLOWED = {
    # A connection's id is not known when the template is deployed, nor is the method that the SDK will use.
    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebSocketApi}/v1/*/@connections/*",
}
"""Wildcards that there is no way around, each with the reason."""

EVERYTHING = {
    # A state machine's own log: CloudWatch Logs lets none of these name a log group.
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}
"""Actions that AWS allows on `*` only."""

MANAGED = {
    # Writes the function's own log.
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    # Takes messages from a queue that invokes the function. It names no queue: who has the role can read any.
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole",
    # Sends traces.
    "arn:${AWS::Partition}:iam::aws:policy/AWSXrayWriteOnlyAccess",
    # Moves requests to new versions of functions.
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda",
    # Writes API Gateway's logs, for the account.
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
    # Lets Lambda connect a function to the network of the stores. Its actions know no narrower resources.
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
}
"""AWS's own policies, most of which the translator attaches."""


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    return translated()


def roles(resources: dict[str, Any]) -> dict[str, Any]:
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == "AWS::IAM::Role"}


def text(value: Any) -> str:
    """A resource or a policy's ARN as the template writes it."""
    if isinstance(value, dict):
        (value,) = value.values()
        value = ".".join(value) if isinstance(value, list) else value
    return str(value).replace("arn:aws:", "arn:${AWS::Partition}:")


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role.get("Policies", []):
        # What holds only where the stores are created, as well.
        for possible in policy.get("Fn::If", [None, policy])[1:]:
            if "PolicyDocument" in possible:
                yield from as_list(possible["PolicyDocument"]["Statement"])


def wildcards(role: dict[str, Any]) -> list[str]:
    found = []
    for statement in statements(role):
        assert not {"NotAction", "NotResource"} & statement.keys()
        if set(as_list(statement["Action"])) <= EVERYTHING:
            continue
        for name in ("Action", "Resource"):
            found += [text(value) for value in as_list(statement[name]) if "*" in text(value)]
    return [value for value in found if value not in ALLOWED]


def test_no_role_may_do_more_than_it_is_told_by_name(resources: dict[str, Any]) -> None:
    assert {name: wildcards(role) for name, role in roles(resources).items() if wildcards(role)} == {}


def test_every_wildcard_that_is_allowed_is_needed(resources: dict[str, Any]) -> None:
    used = {
        text(value)
        for role in roles(resources).values()
        for statement in statements(role)
        for value in as_list(statement["Resource"])
    }
    assert used >= ALLOWED


def test_roles_have_no_other_policy_of_aws_than_those_that_lambda_needs(resources: dict[str, Any]) -> None:
    attached = {text(arn) for role in roles(resources).values() for arn in role.get("ManagedPolicyArns", [])}
    assert attached == MANAGED


def test_every_function_has_a_role_of_its_own(resources: dict[str, Any]) -> None:
    functions = [item for item in resources.values() if item["Type"] == "AWS::Lambda::Function"]
    taken = [text(function["Properties"]["Role"]) for function in functions]
    assert len(functions) == len(set(taken)) > 0


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:us-east-1:1:q"},
        {"Effect": "Allow", "Action": ["sqs:SendMessage", "s3:Get*"], "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}},
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"},
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": [{"Fn::Sub": "arn:aws:sqs:*:1:${Queue}"}]},
    ],
)
def test_a_wildcard_would_be_found(statement: dict[str, Any]) -> None:
    assert wildcards({"Policies": [{"PolicyDocument": {"Statement": statement}}]}) != []


def test_resources_do_not_need_each_other_in_a_circle(resources: dict[str, Any]) -> None:
    """CloudFormation refuses a template in which they do; the emulator has no order of creation."""
    needs = {name: references(item) & resources.keys() for name, item in resources.items()}
    while free := {name for name, needed in needs.items() if not needed & needs.keys()}:
        for name in free:
            del needs[name]
    assert needs == {}
