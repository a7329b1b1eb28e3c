"""Other AWS clients, configured as their documentation says."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import localstack_client.session
import pytest
from botocore.config import Config

from tests.support.applications import APPS, application
from tests.support.aws_clients import order_queue
from tests.support.client import Until
from tests.support.stack import ROOT, Stack

pytestmark = pytest.mark.needs("local")

MACHINES = "arn:aws:states:us-east-1:000000000000:stateMachine:"
AWS_CLI = ROOT / ".venv/aws-cli/bin"

CommandLine = Callable[..., Any]

needs_aws_cli = pytest.mark.skipif(not AWS_CLI.exists(), reason="the AWS command line is not installed: make aws-cli")


def aws(stack: Stack, *arguments: str) -> Any:
    # Version 1, the one on PyPI, has its own addresses for SQS: https://github.com/aws/aws-cli/issues/8737
    needed = ["--endpoint-url", stack.endpoint] if arguments[0] == "sqs" else []
    keys = {"AWS_ACCESS_KEY_ID": "anyone", "AWS_SECRET_ACCESS_KEY": "anything"}
    return output_of(["aws", *needed, *arguments], AWS_ENDPOINT_URL=stack.endpoint, **keys)


def awslocal(stack: Stack, *arguments: str) -> Any:
    return output_of(["awslocal", *arguments], LOCALSTACK_HOST=stack.endpoint.removeprefix("http://"))


def output_of(command: list[str], **variables: str) -> Any:
    """Returns what the command prints. Its environment holds only PATH and `variables`."""
    environment = {
        "PATH": f"{AWS_CLI}:{os.environ['PATH']}",
        "AWS_DEFAULT_REGION": "us-east-1",
        # StartSyncExecution would go to the host sync-127.0.0.1 otherwise.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        **variables,
    }
    ended = subprocess.run(
        [AWS_CLI / command[0], *command[1:]], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout or "null")


either_command_line = pytest.mark.parametrize("run", [aws, awslocal])


@needs_aws_cli
@either_command_line
def test_the_command_line_lists_and_reads_queues(stack: Stack, run: CommandLine) -> None:
    assert order_queue(stack) in run(stack, "sqs", "list-queues")["QueueUrls"]

    url = run(stack, "sqs", "get-queue-url", "--queue-name", "ReplayQueue")["QueueUrl"]
    attributes = run(stack, "sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert attributes["MessageRetentionPeriod"] == "300"


@needs_aws_cli
@either_command_line
def test_the_command_line_runs_an_express_machine(stack: Stack, run: CommandLine) -> None:
    arn = f"{MACHINES}OrderMachine"
    ended = run(stack, "stepfunctions", "start-sync-execution", "--state-machine-arn", arn, "--input", "{}")
    assert ended["status"] == "FAILED"


@needs_aws_cli
@either_command_line
def test_the_command_line_invokes_functions(stack: Stack, run: CommandLine, tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    answer = run(stack, "lambda", "invoke", "--function-name", "RecoverFunction", "--payload", "{}", str(payload))

    assert answer["StatusCode"] == 200
    assert "enqueued" in json.loads(payload.read_text())


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with application(APPS / "parcels/template.yaml", tmp_path_factory.mktemp("parcels") / "data") as parcels:
        yield parcels


@needs_aws_cli
@pytest.mark.process
@either_command_line
async def test_the_command_line_follows_a_standard_execution(parcels: Stack, run: CommandLine) -> None:
    parcel = {"id": run.__name__, "weight": 1}
    machine = ("--state-machine-arn", f"{MACHINES}Delivery")
    given = json.dumps({"parcels": [parcel]})
    started = run(parcels, "stepfunctions", "start-execution", *machine, "--input", given)["executionArn"]
    (execution, *_) = run(parcels, "stepfunctions", "list-executions", *machine)["executions"]
    assert execution["executionArn"] == started
    async for _ in Until("the execution has ended"):
        described = run(parcels, "stepfunctions", "describe-execution", "--execution-arn", started)
        if described["status"] != "RUNNING":
            break
    assert json.loads(described["output"])["labels"] == [{"label": f"parcel {run.__name__}"}]
    events = run(parcels, "stepfunctions", "get-execution-history", "--execution-arn", started)["events"]
    assert (events[0]["type"], events[-1]["type"]) == ("ExecutionStarted", "ExecutionSucceeded")

    url = run(parcels, "sqs", "get-queue-url", "--queue-name", "Sorted")["QueueUrl"]
    (message,) = run(parcels, "sqs", "receive-message", "--queue-url", url, "--wait-time-seconds", "20")["Messages"]
    assert json.loads(message["Body"]) == [f"parcel {run.__name__}"]
    run(parcels, "sqs", "delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])


def test_localstack_client_works(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTACK_HOST", stack.endpoint.removeprefix("http://"))
    session = localstack_client.session.Session()
    sqs, functions, machines = (
        session.client(name, config=Config(inject_host_prefix=False)) for name in ("sqs", "lambda", "stepfunctions")
    )
    try:
        assert order_queue(stack) in sqs.list_queues()["QueueUrls"]
        assert functions.invoke(FunctionName="RecoverFunction", Payload=b"{}")["StatusCode"] == 200
        ended = machines.start_sync_execution(stateMachineArn=f"{MACHINES}OrderMachine", input="{}")
        assert ended["status"] == "FAILED"
    finally:
        for client in (sqs, functions, machines):
            client.close()
