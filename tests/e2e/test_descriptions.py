"""The descriptions of the APIs in other tools: schemathesis and Postman."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from contract import DOCS
from tests.support.client import Until, client
from tests.support.market import Market
from tests.support.stack import ROOT, Stack

NEWMAN = ROOT / "tests/npm/node_modules/.bin/newman"
CONVERTER = ROOT / "contract/npm/node_modules"
COLLECTION = DOCS / "postman_collection.json"


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
async def test_the_descriptions_need_no_key(stack: Stack, name: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.rest}/{name}.json") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert await answer.text() == (DOCS / f"{name}.json").read_text()


async def test_there_are_no_other_descriptions(stack: Stack) -> None:
    async with client(stack) as at:
        answer = await at.request("GET", "/app.json")
    assert (answer.status, answer.body["error"]["code"]) == (404, "NotFound")


@pytest.mark.timeout(300)
@pytest.mark.needs("load")
async def test_whatever_is_sent_is_answered_as_described(stack: Stack, market: Market, tmp_path: Path) -> None:
    """Sends about a thousand valid and invalid requests that schemathesis generates from one seed."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "--no-color", "run", str(DOCS / "openapi.json"),
        "--url", stack.rest, "--header", f"Authorization: Bearer {stack.key}",
        "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "60", "--seed", "1",
        "--generation-database", "none", "--request-timeout", "10",
        # It would find its own key in the list of keys, and revoke it.
        "--exclude-operation-id", "revokeKey",
        # A schema can't say that two tokens differ or how many decimals each has. API Gateway answers no 405. A
        # cancelled order can still be read.
        "--exclude-checks", "positive_data_acceptance,unsupported_method,use_after_free",
    ]  # fmt: skip
    run = partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    ended = await asyncio.to_thread(run, command)
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    async with client(stack) as at:
        while not (await at.request("DELETE", "/api/orders")).body["complete"]:
            pass
    async for _ in Until("every order that was accepted has ended"):
        if market.unfinished() == 0:
            break


@pytest.mark.skipif(not NEWMAN.exists(), reason="newman is not installed: npm ci --prefix tests/npm")
@pytest.mark.needs("load")
def test_the_postman_collection_runs_from_its_first_request_to_its_last(
    stack: Stack, market: Market, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    command = [
        str(NEWMAN), "run", str(COLLECTION), "--reporters", "cli,json", "--reporter-json-export", str(report),
        "--env-var", f"baseUrl={stack.rest}", "--env-var", f"key={stack.key}",
        "--color", "off", "--timeout-request", "10000",
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr
    stats = json.loads(report.read_text())["run"]["stats"]
    assert stats["requests"]["total"] == stats["assertions"]["total"] == 38
    assert stats["assertions"]["failed"] == 0


@pytest.mark.skipif(not CONVERTER.exists(), reason="the converter is not installed: npm ci --prefix contract/npm")
def test_the_postman_collection_is_generated_from_the_description() -> None:
    made = subprocess.run(
        ["node", ROOT / "contract/npm/postman.mjs"], capture_output=True, text=True, timeout=60, check=True,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert made.stdout == COLLECTION.read_text(), "expected docs/ as after make descriptions"
