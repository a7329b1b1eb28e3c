"""The functions: their configuration and counters, and how to invoke them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import Any

from emulator.common.strict_json import parse_json
from emulator.console import log_files, logs
from emulator.console.parts import Body, Parts, Query, invalid, text_of, unknown
from emulator.lambda_.records import Function

_LONGEST_LOG = 4 * 1024 * 1024  # bytes, of what is written during an invocation


def counters(parts: Parts) -> dict[str, dict[str, Any]]:
    """Returns each function's counters by its name."""
    return {name: asdict(counted) for name, counted in parts.counters().items()}


async def functions(parts: Parts, query: Query) -> dict[str, dict[str, Any]]:
    """Returns each function's configuration and counters by its name. `folder` is the name of its code's folder."""
    counted = counters(parts)
    return {
        name: {
            **counted.get(name, {}),
            "handler": function.handler,
            "runtime": function.runtime,
            "memory": function.memory,
            "timeout": function.timeout,
            "folder": function.code.name,
        }
        for name, function in parts.stack.of(Function).items()
    }


async def events(parts: Parts, query: Query) -> list[dict[str, str]]:
    """Returns the example events in the folder `events` beside the template, by name without `.json`."""
    template, *_ = parts.stack.sources
    files = sorted((template.parent / "events").glob("*.json"), key=lambda file: file.stem)
    return [{"name": file.stem, "body": file.read_text("utf-8", "replace")} for file in files]


async def invoke(parts: Parts, body: Body) -> dict[str, Any]:
    """Invokes `function` with the JSON text `event`, and returns the result and what the log says of it.

    `error` says that the function failed; `payload` is then AWS's JSON with errorType and errorMessage. Raises
    ApiError.
    """
    name, event = text_of(body, "function"), text_of(body, "event")
    if name not in parts.stack.of(Function):
        raise unknown(f"no function has the name {name!r}")
    try:
        parse_json(event)
    except ValueError as error:
        raise invalid(f"event: expected JSON: {error}") from None
    log = parts.logs / f"{name}.log"
    before = log_files.size(log)
    started = time.perf_counter()
    invocation = await parts.functions.invoke(name, event.encode())
    milliseconds = (time.perf_counter() - started) * 1000
    length = min(log_files.size(log) - before, _LONGEST_LOG)
    records = await asyncio.to_thread(log_files.last, log, length)
    return {
        "error": invocation.error,
        "payload": invocation.payload.decode("utf-8", "replace"),
        "milliseconds": round(milliseconds, 1),
        "requestId": invocation.request_id,
        "log": [logs.shown(record) for record in records if record.request_id == invocation.request_id],
    }
