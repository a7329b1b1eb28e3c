"""The permissions of the stack's roles, in AWS's own translation of the template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.translation import as_list, of_type, references, template, translated

ALLOWED = {
    # The ids of connections and the method of the call are not known at deployment.
    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebSocketApi}/v1/*/@connections/*",
}
"""Unavoidable wildcards, each with the reason."""

EVERYTHING = {
    # For the log of a state machine. CloudWatch Logs allows these actions on all resources only.
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
    # Receives messages from the queue that invokes the function. It names no queue, so the role can read any.
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole",
    # Sends traces.
    "arn:${AWS::Partition}:iam::aws:policy/AWSXrayWriteOnlyAccess",
    # Moves requests to new versions of functions.
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda",
    # Writes API Gateway's logs, for the account.
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
    # Connects a function to the network of the stores. Its actions cannot be limited to resources.
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
}
"""AWS's managed policies. The translator attaches most of them."""

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders/wallet-AbCdEf"
NODE = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders/node-GhIjKl"
CALLING_NODES = {
    f"{name}FunctionRole"
    for name in (
        "Deliver",
        "Discover",
        "Execute",
        "Market",
        "Migrate",
        "Recover",
        "Route",
        "Submit",
        "Watch",
        "WsConnect",
    )
}
"""The roles of the functions that quote, trade, or look for pools."""


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    return translated()


def roles(resources: dict[str, Any]) -> dict[str, Any]:
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == "AWS::IAM::Role"}


def text(value: Any) -> str:
    """A resource or an ARN of a policy as the template writes it."""
    if isinstance(value, dict):
        (value,) = value.values()
        value = ".".join(value) if isinstance(value, list) else value
    return str(value).replace("arn:aws:", "arn:${AWS::Partition}:")


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role.get("Policies", []):
        # Both branches of a condition.
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


def allowed(service: str, **parameters: str) -> set[tuple[str, str, str]]:
    """Role, action and resource of what a stack with these parameters allows of a service."""
    value = template(**parameters).value
    resources = translated(lambda document: None, **parameters)
    return {
        (name, action, resource)
        for name, role in of_type(resources, "AWS::IAM::Role").items()
        for policy in value(role.get("Policies", []))
        for statement in as_list(policy["PolicyDocument"]["Statement"])
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if action.startswith(f"{service}:")
    }


def test_no_role_has_further_wildcards(resources: dict[str, Any]) -> None:
    assert {name: wildcards(role) for name, role in roles(resources).items() if wildcards(role)} == {}


def test_every_wildcard_that_is_allowed_is_needed(resources: dict[str, Any]) -> None:
    used = {
        text(value)
        for role in roles(resources).values()
        for statement in statements(role)
        for value in as_list(statement["Resource"])
    }
    assert used >= ALLOWED


def test_roles_have_no_further_managed_policies(resources: dict[str, Any]) -> None:
    attached = {text(arn) for role in roles(resources).values() for arn in role.get("ManagedPolicyArns", [])}
    assert attached == MANAGED


def test_every_function_has_its_own_role(resources: dict[str, Any]) -> None:
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
def test_a_wildcard_is_found(statement: dict[str, Any]) -> None:
    assert wildcards({"Policies": [{"PolicyDocument": {"Statement": statement}}]}) != []


def test_resources_have_no_circular_dependencies(resources: dict[str, Any]) -> None:
    """CloudFormation refuses them, but the emulator has no order of creation."""
    needs = {name: references(item) & resources.keys() for name, item in resources.items()}
    while free := {name for name, needed in needs.items() if not needed & needs.keys()}:
        for name in free:
            del needs[name]
    assert needs == {}


# Waking the watcher and the deliveries, and sending to webhooks


def test_functions_may_invoke_the_ones_that_they_wake_or_send_with_and_nothing_else() -> None:
    wake = ("lambda:InvokeFunction", "WatchFunction.Arn:live")
    assert {found for found in allowed("lambda") if found[0].endswith("FunctionRole")} == {
        ("ExecuteFunctionRole", *wake),
        ("SubmitFunctionRole", *wake),
        ("WsConnectFunctionRole", *wake),
        ("WebhooksFunctionRole", "lambda:InvokeFunction", "DeliverFunction.Arn:live"),
        ("DeliverFunctionRole", "lambda:InvokeFunction", "PostFunction.Arn:live"),
    }


def test_those_functions_are_told_which_one_watches(
    resources: dict[str, Any],
) -> None:
    told = {
        name
        for name, function in of_type(resources, "AWS::Lambda::Function").items()
        if "WATCH_FUNCTION" in function["Environment"]["Variables"]
    }
    assert told == {"SubmitFunction", "WsConnectFunction", "ExecuteFunction"}


# The wallet's key and the address of a node


def test_only_the_function_that_executes_orders_may_sign_with_the_wallets_key_and_do_nothing_else_with_it() -> None:
    parameters = {"SolanaRpcUrl": "https://node.example", "WalletKey": KEY, "WalletAddress": "1" * 32}
    assert allowed("kms", **parameters) == {("ExecuteFunctionRole", "kms:Sign", KEY)}
    assert allowed("secretsmanager", **parameters) == set()


def test_only_the_function_that_executes_orders_may_read_a_secret_with_the_wallets_key() -> None:
    parameters = {"SolanaRpcUrl": "https://node.example", "WalletKey": SECRET, "WalletAddress": "1" * 32}
    assert allowed("secretsmanager", **parameters) == {("ExecuteFunctionRole", "secretsmanager:GetSecretValue", SECRET)}
    assert allowed("kms", **parameters) == set()


def test_the_functions_that_call_nodes_may_read_a_secret_with_their_url() -> None:
    parameters = {"SolanaRpcUrl": NODE, "WalletKey": KEY, "WalletAddress": "1" * 32}
    reading = {(role, "secretsmanager:GetSecretValue", NODE) for role in CALLING_NODES}
    assert allowed("secretsmanager", **parameters) == reading


@pytest.mark.parametrize(
    "parameters",
    [{}, {"SolanaRpcUrl": "http://127.0.0.1:8899", "WalletKey": "/home/someone/id.json", "WalletAddress": "1" * 32}],
    ids=["simulated", "a node and a file"],
)
def test_without_a_key_or_a_secret_on_aws_nobody_may_use_one(parameters: dict[str, str]) -> None:
    assert allowed("kms", **parameters) | allowed("secretsmanager", **parameters) == set()


def test_only_the_function_that_executes_orders_is_told_where_the_wallets_key_is(resources: dict[str, Any]) -> None:
    told = {
        name
        for name, function in of_type(resources, "AWS::Lambda::Function").items()
        if "WalletKey" in references(function["Environment"]["Variables"])
    }
    assert told == {"ExecuteFunction"}
