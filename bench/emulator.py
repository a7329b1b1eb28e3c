"""Measures the emulator with a small application, and MiniStack with the same one.

docs/benchmarks.md says what each row means.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import psutil
from botocore.config import Config

from bench import ministack
from bench.stack import fresh_stack
from bench.table import print_table
from emulator.common.account import REGION
from emulator.lambda_.records import Function
from emulator.lambda_.service import Lambda

APP = Path(__file__).with_name("app")
TEMPLATE = APP / "template.yaml"

WARM_UP, COUNT, SECONDS = 20, 500, 5.0  # samples to discard; the maximum number of samples, and seconds for them
STARTS = 3
SOCKETS = 200


@dataclass(frozen=True)
class Target:
    """A server that runs the application.

    `ready` is how many seconds it took to start; `connections` is the URL of its `@connections` API.
    """

    name: str
    pid: int
    ready: float
    endpoint: str
    websocket: str
    connections: str

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
        )


@contextmanager
def the_emulator() -> Iterator[Target]:
    with fresh_stack("--template", str(TEMPLATE)) as stack:
        websocket = stack["websocket"]
        connections = f"{websocket.replace('ws:', 'http:')}/v1"
        yield Target("emulator", stack["pid"], stack["ready"], stack["endpoint"], websocket, connections)


@contextmanager
def the_ministack() -> Iterator[Target]:
    with ministack.deployed(TEMPLATE) as server:
        target = Target("MiniStack", server["pid"], server["ready"], server["endpoint"], "", "")
        (api,) = target.client("apigatewayv2").get_apis()["Items"]
        connections = f"{target.endpoint}/_aws/execute-api/{api['ApiId']}/v1"
        yield replace(target, websocket=connections.replace("http:", "ws:"), connections=connections)


async def samples(once: Callable[[], Awaitable[float]]) -> list[float]:
    for _ in range(WARM_UP):
        await once()
    end = time.perf_counter() + SECONDS
    taken: list[float] = []
    while len(taken) < COUNT and time.perf_counter() < end:
        taken.append(await once())
    return taken


async def invocations(target: Target, event: str = '{"n": 1}') -> list[float]:
    client = target.client("lambda")

    async def invoke() -> float:
        started = time.perf_counter()
        answer = client.invoke(FunctionName="bench-echo", Payload=event)["Payload"].read()
        took = milliseconds_since(started)
        if json.loads(answer) != json.loads(event):
            raise RuntimeError(f"expected the event back, was {answer}")
        return took

    return await samples(invoke)


async def logging_invocations(target: Target) -> list[float]:
    return await invocations(target, '{"log": "a line"}')


async def runtime_api(target: Target) -> list[float]:
    if target.name != "emulator":
        return []
    functions = [Function("echo", "app.handler", APP / "functions")]
    with tempfile.TemporaryDirectory() as logs:
        lambda_ = Lambda(functions, logs=Path(logs), environment={})

        async def invoke() -> float:
            started = time.perf_counter()
            await lambda_.invoke("echo", b'{"n": 1}')
            return milliseconds_since(started)

        await lambda_.start()
        try:
            return await samples(invoke)
        finally:
            await lambda_.close(1)


async def cold_starts(target: Target) -> list[float]:
    """The durations of an invocation right after the function's only process has exited."""
    client = target.client("lambda")

    async def start() -> float:
        if "FunctionError" not in client.invoke(FunctionName="bench-exit", Payload='{"exit": true}'):
            raise RuntimeError("expected the function's process to exit")
        started = time.perf_counter()
        answer = client.invoke(FunctionName="bench-exit", Payload="{}")
        took = milliseconds_since(started)
        if "FunctionError" in answer:
            raise RuntimeError(f"expected a new process, was {answer['Payload'].read()}")
        return took

    return await samples(start)


async def executions(target: Target) -> list[float]:
    client = target.client("stepfunctions")
    (machine,) = client.list_state_machines()["stateMachines"]

    async def execute() -> float:
        started = time.perf_counter()
        answer = client.start_sync_execution(stateMachineArn=machine["stateMachineArn"], input='{"n": 1}')
        took = milliseconds_since(started)
        if answer["status"] != "SUCCEEDED":
            raise RuntimeError(f"expected SUCCEEDED, was {answer}")
        return took

    return await samples(execute)


async def messages(target: Target) -> list[float]:
    """The durations from sending a message until the function starts, which reports that in a second queue."""
    client = target.client("sqs")
    sent, started = (client.get_queue_url(QueueName=f"bench-{name}")["QueueUrl"] for name in ("sent", "started"))

    async def send() -> float:
        at = time.time()
        client.send_message(QueueUrl=sent, MessageBody="a message")
        (answer,) = client.receive_message(QueueUrl=started, WaitTimeSeconds=20)["Messages"]
        client.delete_message(QueueUrl=started, ReceiptHandle=answer["ReceiptHandle"])
        return (float(answer["Body"]) - at) * 1000

    return await samples(send)


async def replies(target: Target) -> list[float]:
    text = json.dumps({"action": "reply", "connections": target.connections})
    async with aiohttp.ClientSession() as session, session.ws_connect(target.websocket) as socket:

        async def reply() -> float:
            started = time.perf_counter()
            await socket.send_str(text)
            answer = await socket.receive_str(timeout=10)
            took = milliseconds_since(started)
            if answer != text:
                raise RuntimeError(f"expected the message back, was {answer}")
            return took

        return await samples(reply)


async def memory_of_sockets(target: Target) -> float:
    """The MB by which the server's memory grows with `SOCKETS` connections."""
    process = psutil.Process(target.pid)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        # The first connection loads the code that serves it.
        async with session.ws_connect(target.websocket):
            pass
        before = process.memory_info().rss
        sockets = [await session.ws_connect(target.websocket) for _ in range(SOCKETS)]
        grown = process.memory_info().rss - before
        await asyncio.gather(*(socket.close() for socket in sockets))
        return grown / 1e6


def milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


READY = "`up` until ready, s"
MEMORY = f"{SOCKETS} idle WebSocket connections, MB"
# The median to reach in milliseconds, if any, and the function that measures it.
ROWS: dict[str, tuple[float | None, Callable[[Target], Coroutine[Any, Any, list[float]]]]] = {
    "warm invocation, boto3": (2, invocations),
    "warm invocation that logs a line": (None, logging_invocations),
    "warm invocation, Runtime API alone": (0.5, runtime_api),
    "cold start after the first": (30, cold_starts),
    "synchronous execution of one task": (4, executions),
    "message sent until function started": (5, messages),
    "WebSocket message to function and back": (5, replies),
}


def measure(start: Callable[[], AbstractContextManager[Target]]) -> dict[str, list[float]]:
    """Samples by row. A row is empty if the target does not offer it."""
    results: dict[str, list[float]] = {READY: [], MEMORY: []}
    for left in reversed(range(STARTS)):
        with start() as target:
            results[READY].append(target.ready)
            results[MEMORY].append(asyncio.run(memory_of_sockets(target)))
            if left:
                continue
            for row, (_, take) in ROWS.items():
                results[row] = asyncio.run(take(target))
    return results


def cells(taken: list[float]) -> list[str]:
    """Median, 95th percentile and interquartile range."""
    if not taken:
        return ["not offered", "", ""]
    low, median, high = statistics.quantiles(taken, n=4, method="inclusive")
    p95 = statistics.quantiles(taken, n=20, method="inclusive")[-1]
    digits = 1 if median >= 10 else 2
    return [f"{median:.{digits}f}", f"{p95:.{digits}f}", f"{low:.{digits}f}–{high:.{digits}f}"]


def show(ours: dict[str, list[float]], theirs: dict[str, list[float]] | None) -> None:
    columns = ["ms unless stated otherwise", "target", "median", "p95", "middle half"]
    if theirs:
        columns += ["MiniStack: median", "p95", "middle half", "ratio"]
    table = []
    targets = {READY: 2.0, MEMORY: 20.0} | {row: figure for row, (figure, _) in ROWS.items()}
    for row, figure in targets.items():
        line = [row, f"{figure:g}" if figure else "", *cells(ours[row])]
        if theirs:
            both = ours[row] and theirs[row]
            ratio = f"{statistics.median(theirs[row]) / statistics.median(ours[row]):.1f}" if both else ""
            line += [*cells(theirs[row]), ratio]
        table.append(line)
    print_table(columns, table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", choices=["ministack"], help="measure this emulator in the same run")
    arguments = parser.parse_args()
    if arguments.peer:
        ministack.install()
    show(measure(the_emulator), measure(the_ministack) if arguments.peer else None)


if __name__ == "__main__":
    main()
