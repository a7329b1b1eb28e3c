"""A console without processes: its state machines, queues and functions run in the test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from emulator.apigateway.traffic import Traffic
from emulator.console.parts import Parts
from emulator.console.service import PATH, Console
from emulator.lambda_.environments import Counters
from emulator.scheduler.schedules import Schedules
from emulator.sqs.records import Queue
from emulator.sqs.service import Sqs
from emulator.states.records import StateMachine
from emulator.states.service import StepFunctions
from emulator.template.stack import Stack
from tests.support.emulator.gateways import Functions, serving


def parts(
    folder: Path,
    *,
    stack: Stack | None = None,
    machines: Iterable[StateMachine] = (),
    queues: Iterable[Queue] = (),
    functions: Functions | None = None,
    counters: dict[str, Counters] | None = None,
    schedules: Schedules | None = None,
) -> Parts:
    """A stack whose template and logs would be in `folder`."""
    invoked = functions or Functions()
    sqs = Sqs(queues, base_url="http://sqs")
    return Parts(
        stack or Stack("local", sources=(folder / "template.yaml",)),
        StepFunctions(list(machines), invoked, lambda request: sqs.handle("SendMessage", request)),
        sqs,
        invoked,
        lambda: counters or {},
        schedules or Schedules((), invoked),
        Traffic(),
        folder,
    )


@dataclass
class Site:
    """A console that is served."""

    port: int
    session: aiohttp.ClientSession
    parts: Parts
    own: str = field(init=False)

    def __post_init__(self) -> None:
        self.own = f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, **query: str) -> Any:
        async with self.session.get(self._url(path).with_query(query)) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def answer(self, path: str) -> tuple[int, Any, bytes]:
        async with self.session.get(self._url(path)) as response:
            return response.status, response.headers, await response.read()

    async def post(self, path: str, body: Any, origin: str | None = "") -> tuple[int, Any]:
        """Sends `body` as the console's own page does, as a page of another `origin`, or as no page (`None`)."""
        headers = {} if origin is None else {"Origin": origin or self.own}
        async with self.session.post(self._url(path), json=body, headers=headers) as response:
            return response.status, await response.json()

    def _url(self, path: str) -> URL:
        return URL(f"{self.own}{PATH}{path}", encoded=True)


def run(make: Callable[[], Parts], scenario: Callable[[Site], Awaitable[Any]], *, read_only: bool = False) -> Any:
    """Serves a console of what `make` makes, which it does in the event loop, and runs the scenario."""

    async def main() -> Any:
        made = make()
        page = Console(made, read_only=read_only)
        async with serving(page.handle) as port, aiohttp.ClientSession() as session:
            try:
                return await scenario(Site(port, session, made))
            finally:
                await made.step_functions.close(0)

    return asyncio.run(main())
