"""Lambda: invokes the functions of a stack in processes of their own."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import uuid
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any

from emulator.common.account import REGION
from emulator.common.errors import ApiError
from emulator.common.service import Service
from emulator.lambda_.catalog import Catalog
from emulator.lambda_.environment import Run
from emulator.lambda_.environments import Counters, Pool
from emulator.lambda_.functions import Invocation
from emulator.lambda_.records import Function
from emulator.lambda_.runtime_api import MAX_PAYLOAD
from emulator.lambda_.standbys import Standbys

MAX_EVENT_PAYLOAD = 1_048_576
RETRY_AFTER = (60.0, 120.0)  # seconds before each retry of an asynchronous invocation that failed
CONCURRENCY = 256  # an AWS account has 1000, more processes than a laptop should run; docs/emulator.md

_RUNTIME = str(Path(__file__).with_name("runtime"))
# The addresses on AWS. Nobody listens there: traces have no effect here, and the runtime has a socket pair.
_RUNTIME_API = "127.0.0.1:9001"
_XRAY_HOST, _XRAY_PORT = "127.0.0.1", 2000

logger = logging.getLogger(__name__)


class Lambda(Service):
    """Runs functions. Processes log to `logs/<function>.log`; `environment` is added to every function's variables.

    At `ports`, those of the emulator's APIs on this machine, functions reach https addresses too.
    """

    def __init__(
        self,
        functions: Iterable[Function],
        *,
        logs: Path,
        environment: dict[str, str],
        ports: Sequence[int] = (),
        concurrency: int = CONCURRENCY,
        retry_after: Sequence[float] = RETRY_AFTER,
    ) -> None:
        self.catalog = Catalog(functions)
        self._logs = logs
        self._environments = [(function, process_environment(function, environment)) for function in self.catalog]
        self._standbys = Standbys(self._environments, ports)
        self._concurrency = concurrency
        self._retry_after = retry_after
        self._pools: dict[str, Pool] = {}
        self._events: set[asyncio.Task[None]] = set()
        self._preparing: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def counters(self) -> dict[str, Counters]:
        """Returns what each function has done since the start."""
        return {name: pool.counters for name, pool in self._pools.items()}

    async def start(self) -> None:
        """Starts importing the handlers in the background. The first invocations wait for that."""
        self._logs.mkdir(parents=True, exist_ok=True)
        for function, environment in self._environments:
            log = self._logs / f"{function.name}.log"
            self._pools[function.name] = Pool(function, log, environment, self._standbys)
        self._preparing = asyncio.create_task(self._prepare())

    async def invoke(self, name_or_arn: str, payload: bytes) -> Invocation:
        """Invokes a function and waits for its result. An error of the function is a result, not an exception.

        Raises ApiError: ResourceNotFoundException, RequestTooLargeException, TooManyRequestsException.
        """
        function, invoked_arn = self.catalog.invoked(name_or_arn)
        if len(payload) > MAX_PAYLOAD:
            raise _too_large(len(payload), MAX_PAYLOAD)
        return await self._run(self._pools[function.name], Run(invoked_arn, payload or b"{}", str(uuid.uuid4())))

    async def invoke_event(self, name_or_arn: str, payload: bytes) -> str:
        """Invokes a function without waiting; returns the request's id. A failed invocation is retried.

        Raises ApiError: ResourceNotFoundException, RequestTooLargeException.
        """
        function, invoked_arn = self.catalog.invoked(name_or_arn)
        if len(payload) > MAX_EVENT_PAYLOAD:
            raise _too_large(len(payload), MAX_EVENT_PAYLOAD)
        request_id = str(uuid.uuid4())
        self._spawn(self._deliver(self._pools[function.name], invoked_arn, payload or b"{}", request_id))
        return request_id

    async def reload(self, name: str) -> None:
        """Makes later invocations run the function's current code. Running ones finish with the old code."""
        self._pools[name].reload()

    async def close(self, grace: float) -> None:
        """Refuses new invocations, lets running ones finish for up to `grace` seconds, and ends every process."""
        if self._closing:
            return
        self._closing = True
        tasks = [*self._events, *filter(None, [self._preparing])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(pool.close(grace) for pool in self._pools.values()))
        self._standbys.interrupt()
        await asyncio.gather(*(pool.ended() for pool in self._pools.values()))
        await self._standbys.close()

    async def _prepare(self) -> None:
        """Imports the handlers one after another, so that each shares what those before it have imported.

        In a second round, those before share what those after them have imported.
        """
        for pool in (*self._pools.values(), *self._pools.values()):
            await pool.prepare()

    async def _run(self, pool: Pool, run: Run) -> Invocation:
        if self._closing:
            raise ApiError("ServiceException", "The emulator is stopping.", 500)
        reserved = pool.function.reserved_concurrency
        if reserved is None:
            running = sum(p.counters.running for p in self._pools.values() if p.function.reserved_concurrency is None)
            throttled = running >= self._concurrency
        else:
            throttled = pool.counters.running >= reserved
        if throttled:
            pool.counters.throttles += 1
            raise ApiError("TooManyRequestsException", "Rate Exceeded.", 429)
        pool.submit(run)
        return await run.result

    async def _deliver(self, pool: Pool, invoked_arn: str, payload: bytes, request_id: str) -> None:
        loop = asyncio.get_running_loop()
        expires = loop.time() + pool.function.event_age
        retries = list(self._retry_after[: pool.function.event_retries])
        backoff = 1.0
        while True:
            try:
                invocation = await self._run(pool, Run(invoked_arn, payload, request_id))
            except ApiError as error:
                if error.status != 429 or loop.time() > expires:
                    logger.warning("%s: dropped event %s: %s", pool.function.name, request_id, error)
                    return
                await asyncio.sleep(backoff * random.uniform(0.5, 1.0))
                backoff = min(backoff * 2, 300.0)
                continue
            if not invocation.error:
                return
            if not retries:
                reason = invocation.payload.decode("utf-8", "replace")
                logger.warning("%s: dropped event %s: %s", pool.function.name, request_id, reason)
                return
            await asyncio.sleep(retries.pop(0))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._events.add(task)
        task.add_done_callback(self._events.discard)


def process_environment(function: Function, added: dict[str, str]) -> dict[str, str]:
    """Returns all environment variables of a function's processes. They inherit only PATH."""
    inherited = {"PATH": os.environ["PATH"]} if "PATH" in os.environ else {}
    return {
        **inherited,
        # A home that does not exist, as on Lambda. Without the variable it is the user's, with their AWS profiles.
        "HOME": "/home/sbx_user1051",
        "LANG": "en_US.UTF-8",
        "PWD": str(function.code),
        "PYTHONPATH": _RUNTIME,
        "SHLVL": "0",
        "TZ": ":UTC",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": f"{_XRAY_HOST}:{_XRAY_PORT}",
        "_AWS_XRAY_DAEMON_ADDRESS": _XRAY_HOST,
        "_AWS_XRAY_DAEMON_PORT": str(_XRAY_PORT),
        **added,
        **function.environment,
        "_HANDLER": function.handler,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_RUNTIME_API": _RUNTIME_API,
        "LAMBDA_TASK_ROOT": str(function.code),
        "LAMBDA_RUNTIME_DIR": _RUNTIME,
    }


def other_runtimes(functions: Iterable[Function], version: tuple[int, int] = sys.version_info[:2]) -> str | None:
    """Returns a note that names the functions whose Runtime is another Python than this one, if there are any."""
    here = "python{}.{}".format(*version)
    names: dict[str, list[str]] = {}
    for function in functions:
        if function.runtime != here:
            names.setdefault(function.runtime, []).append(function.name)
    if not names:
        return None
    others = "; ".join(f"{runtime}: {', '.join(sorted(functions))}" for runtime, functions in sorted(names.items()))
    return f"Here {here} runs every function, also those whose Runtime is another ({others})."


def _too_large(size: int, limit: int) -> ApiError:
    message = f"{size} byte payload is too large for the RequestResponse invocation type (limit {limit} bytes)"
    return ApiError("RequestTooLargeException", message, 413)
