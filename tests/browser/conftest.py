from __future__ import annotations

import asyncio
import re
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from emulator.console.parts import Parts
from emulator.console.service import PATH, Console
from emulator.sqs import records
from emulator.states.records import StateMachine
from tests.support.emulator.console import parts
from tests.support.emulator.gateways import Functions, serving
from tests.support.folders import data_folder
from tests.support.market import Market
from tests.support.stack import ROOT, Stack, running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

OFFLINE = re.compile("ERR_INTERNET_DISCONNECTED|Failed to fetch|WebSocket connection to .* failed")

expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Returns Chromium's path. Skips the test where it is not installed."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return CHROMIUM


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A browser for one module: while Playwright runs, the tests of other modules cannot run event loops."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def pages() -> Iterator[ExitStack]:
    """The open pages. They close before their server does."""
    with ExitStack() as pages:
        yield pages


@pytest.fixture
def visit(browser: Browser, pages: ExitStack) -> Iterator[Callable[..., Page]]:
    """Opens a page at a URL. Fails the test if the page reports an error or calls another server than its own."""
    problems: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # Chromium also reports refused requests and those made offline, which the page handles.
        asked = message.location["url"]
        known = ("arn=", "/api/", "executions/start", "queues/purge")
        expected = any(part in asked for part in known) or OFFLINE.search(message.text)
        if message.type == "error" and not expected:
            problems.append(message.text)

    def visit(url: str, **options: Any) -> Page:
        page = browser.new_page(**options)
        pages.callback(close, page)
        origin = url[: url.index("/", len("http://"))]
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", hear)
        page.on("request", lambda request: None if request.url.startswith(origin) else problems.append(request.url))
        page.goto(url)
        return page

    def close(page: Page) -> None:
        if not page.is_closed():
            # A request may be under way in a test's hands.
            page.unroute_all(behavior="ignoreErrors")
            page.close()

    yield visit
    pages.close()
    assert problems == []


@pytest.fixture(scope="module")
def stack(chromium: str) -> Iterator[Stack]:
    with running(data_folder()) as stack:
        yield stack


@pytest.fixture(scope="module")
def _market(stack: Stack) -> Iterator[Market]:
    market = Market(stack.parameters["DatabaseUrl"])
    market.reset()
    yield market
    market.close()


@pytest.fixture
def market(_market: Market) -> Iterator[Market]:
    yield _market
    _market.clear_faults()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    folder = ROOT / ".local/screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass
class Small:
    """A console without processes, and the event loop that serves it."""

    url: str
    loop: asyncio.AbstractEventLoop
    parts: Parts

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(call, self.loop).result()

    def execute(self, machine: StateMachine, document: str = "{}") -> None:
        request = {"stateMachineArn": machine.arn, "input": document}
        self.run(self.parts.step_functions.handle("StartSyncExecution", request))


@pytest.fixture
def small(tmp_path: Path, pages: ExitStack) -> Iterator[Callable[..., Small]]:
    """Serves a console in a thread of its own, because Playwright uses the event loop of this one."""
    with ExitStack() as servers:

        def serve(
            *machines: StateMachine,
            queues: Sequence[records.Queue] = (),
            read_only: bool = False,
            **functions: Callable[[Any], Any],
        ) -> Small:
            shown = parts(tmp_path, machines=machines, queues=queues, functions=Functions(**functions))
            page = Console(shown, read_only=read_only)
            started: Queue[Small] = Queue()

            async def main() -> None:
                ending = asyncio.Event()
                loop = asyncio.get_running_loop()
                async with serving(page.handle) as port:
                    servers.callback(loop.call_soon_threadsafe, ending.set)
                    started.put(Small(f"http://127.0.0.1:{port}{PATH}", loop, shown))
                    await ending.wait()

            thread = threading.Thread(target=asyncio.run, args=(main(),))
            servers.callback(thread.join)
            thread.start()
            return started.get(timeout=30)

        yield serve
        pages.close()
