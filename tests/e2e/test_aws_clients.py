"""The running stack as boto3 sees it."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.support.aws_clients import aws, machine, order_queue, queue_url
from tests.support.client import client
from tests.support.stack import Stack

pytestmark = pytest.mark.needs("clients")


def test_the_order_queue_is_as_in_the_template(stack: Stack) -> None:
    with aws(stack, "sqs") as sqs:
        url = sqs.get_queue_url(QueueName=order_queue(stack).rpartition("/")[2])["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    name, dead_letters = (queue_url(stack, queue).rpartition("/")[2] for queue in ("OrderQueue", "DeadLetterQueue"))
    assert url.endswith(f"/{name}")
    assert attributes["QueueArn"] == f"arn:aws:sqs:us-east-1:000000000000:{name}"
    assert attributes["VisibilityTimeout"] == "1560"
    assert json.loads(attributes["RedrivePolicy"]) == {
        "deadLetterTargetArn": f"arn:aws:sqs:us-east-1:000000000000:{dead_letters}",
        "maxReceiveCount": 5,
    }


def test_the_state_machine_is_listed_and_described(stack: Stack) -> None:
    name = machine(stack).rpartition(":")[2]
    with aws(stack, "stepfunctions") as machines:
        (listed,) = machines.list_state_machines()["stateMachines"]
        described = machines.describe_state_machine(stateMachineArn=machine(stack))

    assert (listed["stateMachineArn"], listed["name"], listed["type"]) == (machine(stack), name, "EXPRESS")
    definition = json.loads(described["definition"])
    assert definition["StartAt"] == "Resume"
    assert definition["States"]["Route"]["Resource"].endswith(f":function:{stack.physical('RouteFunction')}:live")


async def test_an_execution_without_a_claim_is_stale_and_changes_nothing(stack: Stack) -> None:
    async with client(stack) as at:
        order = await at.executed()
        run = {
            "order_id": order["orderId"],
            "run": str(uuid4()),
            "status": "pending",
            "attempt": 1,
            "token_in": "SOL",
            "token_out": "USDC",
            "amount_in": "10000000",
            "slippage_bps": 50,
            "quote_id": None,
            "quoted_out": None,
            "quote": None,
            "transaction": None,
        }
        with aws(stack, "stepfunctions") as machines:
            answer = machines.start_sync_execution(
                stateMachineArn=machine(stack), input=json.dumps({"order": run, "attempt": {"number": 1}})
            )
        after = await at.order(order["orderId"])

    # Step Functions answers 200 for an execution that failed.
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert (answer["status"], answer["error"]) == ("FAILED", "StaleRun")
    assert after == order


def test_an_unknown_state_machine_is_an_error_that_boto3_knows(stack: Stack) -> None:
    with aws(stack, "stepfunctions") as machines, pytest.raises(machines.exceptions.StateMachineDoesNotExist):
        machines.start_sync_execution(stateMachineArn=machine(stack) + "2", input="{}")


def test_functions_can_be_invoked(stack: Stack) -> None:
    with aws(stack, "lambda") as functions:
        answer = functions.invoke(FunctionName=stack.physical("RecoverFunction"), Payload=b"{}")

    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer
    assert json.load(answer["Payload"]) == {"enqueued": 0, "closed": 0}


def test_a_functions_exception_is_named_by_its_class(stack: Stack) -> None:
    with aws(stack, "lambda") as functions:
        answer = functions.invoke(FunctionName=stack.physical("ExecuteFunction"), Payload=b"{}")

    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"])["errorType"] == "KeyError"


def test_an_unknown_function_is_an_error_that_boto3_knows(stack: Stack) -> None:
    with aws(stack, "lambda") as functions, pytest.raises(ClientError, match="Function not found"):
        functions.invoke(FunctionName="NoSuchFunction")
