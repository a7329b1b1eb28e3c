"""Files that change while the stack runs."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.applications import application, copy_of
from tests.support.aws_clients import aws
from tests.support.client import Until, client
from tests.support.folders import data_folder
from tests.support.market import Market
from tests.support.stack import ROOT, running

pytestmark = pytest.mark.process

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:Delivery"


def label(functions: Any) -> Any:
    payload = json.dumps({"parcel": {"id": "new", "weight": 1}, "retries": 0}).encode()
    answer = functions.invoke(FunctionName="Scales", Payload=payload)
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.load(answer["Payload"])


@pytest.mark.parametrize(
    ("file", "expression"),
    [("handlers/sorting.py", 'str(label(parcel["id"]))'), ("layer/python/labels.py", 'f"parcel {parcel}"')],
    ids=["of the function", "of a layer"],
)
async def test_new_code_runs_next_and_old_code_finishes_its_invocations(
    tmp_path: Path, file: str, expression: str
) -> None:
    template = copy_of("parcels", tmp_path)
    code = template.parent / file
    original = code.read_text()
    assert expression in original
    since, until = tmp_path / "since", tmp_path / "until"
    with (
        application(template, tmp_path / "data") as parcels,
        aws(parcels, "lambda") as functions,
        aws(parcels, "stepfunctions") as machines,
    ):
        # GIVEN an execution in the old code
        slow = {"id": "old", "weight": 1, "since": str(since), "until": str(until)}
        started = machines.start_execution(stateMachineArn=MACHINE, input=json.dumps({"parcels": [slow]}))
        async for _ in Until("the slow parcel is being weighed"):
            if since.exists():
                break

        # WHEN the code changes twice at once and keeps its size
        for version in ("a box", "a bag"):
            code.write_text(original.replace(expression, f'"{version}"'))
            # THEN the new code runs soon
            async for _ in Until("the new code runs"):
                if label(functions) == version:
                    break

        # AND the execution ends with the old code
        until.touch()
        async for _ in Until("the execution has ended"):
            described = machines.describe_execution(executionArn=started["executionArn"])
            if described["status"] != "RUNNING":
                break
        assert json.loads(described["output"])["labels"] == [{"label": "parcel old"}]


async def test_a_corrected_mistake_runs(tmp_path: Path) -> None:
    template = copy_of("faulty", tmp_path)
    with application(template, tmp_path / "data") as faulty, aws(faulty, "lambda") as functions:
        (template.parent / "code/unimportable.py").write_text("def handler(event, context):\n    return 'mended'\n")
        async for _ in Until("the correction runs"):
            if json.load(functions.invoke(FunctionName="Unimportable")["Payload"]) == "mended":
                break


@pytest.mark.parametrize("file", ["template.yaml", "delivery.asl.yaml"])
async def test_a_changed_template_or_definition_asks_for_a_restart(tmp_path: Path, file: str) -> None:
    template = copy_of("parcels", tmp_path)
    changed = template.with_name(file)
    with application(template, tmp_path / "data") as parcels:
        # Many editors replace the file.
        shutil.copy(changed, changed.with_suffix(".new"))
        changed.with_suffix(".new").replace(changed)

        assert await asyncio.to_thread(parcels.says, f"{changed} has changed: restart the emulator")


async def test_no_order_is_lost_when_shared_code_changes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # GIVEN a copy of this engine with ten running orders and five that wait
    copy = tmp_path_factory.mktemp("engine")
    shutil.copy(ROOT / "template.yaml", copy)
    for folder in ("functions", "infra", "layers", "statemachine"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with running(data_folder(), "--template", str(copy / "template.yaml")) as stack:
        market = Market(stack.parameters["DatabaseUrl"])
        async with client(stack) as at:
            with market.held("USDC"):
                orders = [(await at.submit(slippageBps=500))["orderId"] for _ in range(15)]
                async for _ in Until("ten orders are submitted"):
                    if len((await at.get("/api/orders", status="submitted", limit="100"))["orders"]) == 10:
                        break

                # WHEN code that all functions share changes
                with (copy / "layers/common/order_engine/__init__.py").open("a") as module:
                    module.write("\n")
                assert await asyncio.to_thread(stack.says, "Reloaded ")

            # THEN every order ends, and has swapped once
            ended = await asyncio.gather(*(at.ended(order) for order in orders))
        assert [order["status"] for order in ended] == ["confirmed"] * 15
        market.assert_in_order()
        market.close()
