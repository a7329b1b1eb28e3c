"""A very different application, unchanged on the emulator, and applications that are refused."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.applications import APPS, application
from tests.support.aws_clients import aws
from tests.support.client import PATIENCE, Until
from tests.support.stack import FREE_PORTS, ROOT, Stack, command

pytestmark = pytest.mark.process

BADGE = {"X-Badge": "open sesame"}
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:Delivery"


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with application(APPS / "parcels/template.yaml", tmp_path_factory.mktemp("parcels") / "data") as running:
        yield running


def sorted_(parcels: Stack, sqs: Any) -> list[Any]:
    """Returns the next message of the application's last queue."""
    url = f"{parcels.endpoint}/000000000000/Sorted"
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    batch: list[Any] = json.loads(message["Body"])
    return batch


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
async def test_one_greedy_route_serves_every_path_and_method(parcels: Stack, method: str) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.request(method, f"{parcels.rest}/desk/a/b/c", headers=BADGE)
        about = await answer.json()

    assert about == {
        "method": method,
        "rest": "a/b/c",
        "floor": "3",
        "stage": "test",
        "carriers": "east/west",
        "greeting": "hello",
    }


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"X-Badge": "let me in"}, 403)])
async def test_the_token_authorizer_decides_who_is_admitted(
    parcels: Stack, headers: dict[str, str], status: int
) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"{parcels.rest}/desk/a", headers=headers)

    assert answer.status == status


async def test_messages_are_delivered_in_batches(parcels: Stack) -> None:
    bodies = [f"parcel {number}" for number in range(10)]
    async with aiohttp.ClientSession() as session:
        await session.post(f"{parcels.rest}/desk/parcels", headers=BADGE, json=bodies)

    received: list[str] = []
    batches = 0
    with aws(parcels, "sqs") as sqs:
        while len(received) < len(bodies):
            received += await asyncio.to_thread(sorted_, parcels, sqs)
            batches += 1
    assert sorted(received) == bodies
    assert batches < len(bodies)


async def test_a_standard_execution_maps_retries_catches_and_branches(parcels: Stack) -> None:
    items = [{"id": "a", "weight": 1}, {"id": "b", "weight": 99}, {"id": "c", "weight": 2, "jams": 1}]
    with aws(parcels, "stepfunctions") as machines, aws(parcels, "sqs") as sqs:
        started = machines.start_execution(stateMachineArn=MACHINE, input=json.dumps({"parcels": items}))
        arn = started["executionArn"]
        async for _ in Until("the execution has ended"):
            described = machines.describe_execution(executionArn=arn)
            if described["status"] != "RUNNING":
                break
        history = machines.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        told = sorted_(parcels, sqs)

    labels = ["parcel a", "refused TooHeavy", "parcel c"]
    assert described["status"] == "SUCCEEDED", described
    output = json.loads(described["output"])
    assert [item["label"] for item in output["labels"]] == told == labels
    assert output["report"]["count"] == 3
    kinds = [event["type"] for event in history]
    assert kinds.count("MapIterationStarted") == 3
    assert kinds.count("TaskFailed") == 2
    assert "ParallelStateSucceeded" in kinds
    assert kinds[-1] == "ExecutionSucceeded"


async def test_a_standard_machine_cannot_be_run_synchronously(parcels: Stack) -> None:
    with (
        aws(parcels, "stepfunctions") as machines,
        pytest.raises(machines.exceptions.StateMachineTypeNotSupported),
    ):
        machines.start_sync_execution(stateMachineArn=MACHINE, input="{}")


async def test_messages_are_routed_by_the_templates_selection(parcels: Stack) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(parcels.websocket) as socket:
        await socket.send_json({"about": {"topic": "where", "parcel": 7}})
        where = await socket.receive_json(timeout=PATIENCE)
        await socket.send_json({"about": {"topic": "who"}})
        nobody = await socket.receive_json(timeout=PATIENCE)

    assert where == {"route": "where", "asked": {"topic": "where", "parcel": 7}}
    assert nobody["message"] == "Forbidden"


def refused(data: Path, template: Path, *options: str) -> str:
    """Starts an emulator that must fail, and returns its error message."""
    started = command(data, "--template", str(template), *FREE_PORTS, *options)
    ended = subprocess.run(started, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr.removeprefix("emulator: ")


def test_everything_unsupported_is_refused_at_once_with_its_place(tmp_path: Path) -> None:
    expected = (APPS / "unsupported/refused.txt").read_text()
    assert refused(tmp_path / "data", APPS / "unsupported/template.yaml") == expected


def test_a_command_line_parameter_overrides_samconfig(tmp_path: Path) -> None:
    says = refused(tmp_path / "data", APPS / "parcels/template.yaml", "--parameter", "Stage=moon")
    assert says == "Stage: expected one of test, prod, was 'moon'\n"


def test_an_environment_missing_from_samconfig_is_named(tmp_path: Path) -> None:
    says = refused(tmp_path / "data", APPS / "parcels/template.yaml", "--config-env", "prod")
    assert says.endswith("samconfig.toml: expected one of its environments (default), was 'prod'\n")
