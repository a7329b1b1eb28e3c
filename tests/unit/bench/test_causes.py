"""Samples are counted by what they are for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.causes import REST, SAMPLING, cause, causes

HANDLER = (
    "__main__.main",
    "awslambdaric.bootstrap.run",
    "aws_lambda_powertools.logging.logger.decorate",
    "app.handler",
)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ((), "the rest of the engine"),
        (
            ("order_engine.storage.orders.PostgresOrderStore.move", "psycopg.cursor.Cursor.execute", "json.dumps"),
            "Postgres",
        ),
        (("order_engine.storage.active_orders.RedisActiveOrders.show", "redis.client.Redis.set"), "Redis"),
        (("order_engine.aws.connections.ApiGatewayConnections.send", "urllib3.request", "socket.send"), "pushes"),
        (
            ("order_engine.aws.queues.SqsOrderQueue.enqueue", "botocore.client.call", "urllib3.request"),
            "other AWS calls",
        ),
        (("order_engine.dex.meteora_dlmm.MeteoraDlmm.from_json",), "pool states"),
        (
            ("order_engine.services.routing.Router.best", "order_engine.dex.splitting.best_split"),
            "routes, quotes, swaps",
        ),
    ],
)
def test_the_innermost_frame_with_a_cause_counts(frames: tuple[str, ...], expected: str) -> None:
    assert cause("functions", (*HANDLER, *frames)).startswith(expected)


def test_what_no_cause_claims_is_still_counted() -> None:
    lines = [
        "emulator\trunpy.run;emulator.states.service.run;json.loads\n",
        "emulator\trunpy.run\n",
        "Route\tjson.loads\n",
    ]
    assert causes(lines) == {"emulator": {"Step Functions": 1, REST: 1}, "functions": {REST: 1}}


BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
STANDBY = f"""
import os
assert os.environ["PYTHONPATH"] == "elsewhere"
if os.fork() == 0:
    os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "Route"
    exec({BURN!r}, globals())
    os._exit(0)
assert os.wait()[1] == 0
"""
FUNCTIONS = {"LAMBDA_RUNTIME_DIR": "elsewhere", "PYTHONPATH": "elsewhere"}
PARENT = f"""
import os, subprocess, sys
def burn():
    exec({BURN!r}, globals())
if os.fork() == 0:
    burn()
    os._exit(0)
os.wait()
subprocess.run([sys.executable, "-c", {STANDBY!r}], env={FUNCTIONS!r}, check=True)
"""


def test_forked_and_started_processes_are_sampled(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SAMPLING), "SAMPLES": str(samples)}
    subprocess.run([sys.executable, "-c", PARENT], env=environment, check=True, timeout=60)
    lines = samples.read_text().splitlines()
    assert sum(line.startswith("emulator\t") and "__main__.burn" in line for line in lines) > 10
    assert sum(line.startswith("Route\t") for line in lines) > 10
