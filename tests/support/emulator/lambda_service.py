"""Runs Lambda with a function whose code a test writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import uvloop

from emulator.lambda_.records import Function
from emulator.lambda_.service import Lambda

HANDLER = """
import json, os, pathlib, sys, time

class SlippageExceeded(Exception):
    pass

def handler(event, context):
    match event.get("do"):
        case "raise": raise SlippageExceeded("price moved")
        case "sleep": time.sleep(event["seconds"])
        case "exit": os._exit(event["code"])
        case "sys.exit": sys.exit(event["code"])
        case "kill": os.kill(os.getpid(), 9)
        case "answer": return "x" * event["size"]
        case "environment": return dict(os.environ)
        case "print": print("first"); print("last", end="")
        case "block":
            pathlib.Path(event["started"]).touch()
            while not pathlib.Path(event["release"]).exists(): time.sleep(0.005)
        case "context": return [context.function_name, context.invoked_function_arn, context.memory_limit_in_mb,
                                context.get_remaining_time_in_millis(), context.aws_request_id]
    return {"pid": os.getpid(), "version": 1}
"""


@asynccontextmanager
async def running(code: Path, *, name: str = "F", **options: Any) -> AsyncIterator[Lambda]:
    settings = {key: options.pop(key) for key in ("concurrency", "ports", "retry_after") if key in options}
    added = options.pop("added", {})
    function = Function(name, options.pop("handler", "app.handler"), code, **options)
    service = Lambda([function], logs=code.parent / "logs", environment=added, **settings)
    await service.start()
    try:
        yield service
    finally:
        await service.close(0)


def check(code: Path, scenario: Callable[[Lambda], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with running(code, **options) as service:
            await scenario(service)

    uvloop.run(main())


async def invoke(service: Lambda, **event: Any) -> Any:
    invocation = await service.invoke("F", json.dumps(event).encode())
    assert not invocation.error, invocation.payload
    return json.loads(invocation.payload)


async def fail(service: Lambda, **event: Any) -> dict[str, Any]:
    invocation = await service.invoke("F", json.dumps(event).encode())
    assert invocation.error, invocation.payload
    result: dict[str, Any] = json.loads(invocation.payload)
    return result


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a process's death sends no event
            await asyncio.sleep(0.005)


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def workers() -> list[psutil.Process]:
    """Returns the standbys of this process."""
    return [child for child in psutil.Process().children() if alive(child.pid) and "worker.py" in str(child.cmdline())]
