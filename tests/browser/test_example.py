"""The browser example in Chromium, served as its comment says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.support.folders import data_folder
from tests.support.http_server import serving
from tests.support.stack import ENGINE, ROOT, Stack, running
from tests.unit.client.services import INTERNAL_ERROR

STATUSES = ["pending", "routing", "building", "submitted", "confirmed"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serving(partial(Quiet, directory=str(ROOT / "examples"))) as address:
        yield f"http://{address.replace('127.0.0.1', 'localhost')}"


@pytest.fixture(scope="module")
def engine(chromium: str, site: str) -> Iterator[Stack]:
    origins = ("--parameter", f"AllowedOrigins={site}")
    with running(data_folder(), application=(*ENGINE, *origins)) as stack:
        yield stack


@pytest.fixture
def page(browser: Browser, engine: Stack, site: str) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def submit(page: Page, site: str, engine: Stack, amount: str = "1.5") -> None:
    page.goto(f"{site}/watch.html")
    page.get_by_label("Engine").fill(engine.rest)
    page.get_by_label("API key").fill(engine.key)
    page.get_by_label("SOL to sell").fill(amount)
    page.get_by_role("button").click()


def test_the_example_follows_an_order_to_its_end(page: Page, site: str, engine: Stack) -> None:
    submit(page, site, engine)
    for number, status in enumerate(STATUSES, start=1):
        expect(page.get_by_role("listitem").nth(number - 1)).to_contain_text(f"{number} {status}")


def close(socket: WebSocketRoute, _: str | bytes) -> None:
    socket.close()


def lose(socket: WebSocketRoute, event: str | bytes) -> None:
    """Loses the third event and sends the others."""
    if json.loads(event)["seq"] > 3:
        socket.send(event)


def fail(socket: WebSocketRoute, _: str | bytes) -> None:
    """Sends API Gateway's own message, and nothing else."""
    socket.send(json.dumps(INTERNAL_ERROR))


@pytest.mark.parametrize("third", [close, lose, fail])
def test_the_example_misses_no_event_when_its_connection_is_lost(
    page: Page, site: str, engine: Stack, third: Callable[[WebSocketRoute, str | bytes], None]
) -> None:
    connections: list[WebSocketRoute] = []

    def cut(socket: WebSocketRoute) -> None:
        """Has the first connection treat the events from the third on as the test says."""
        connections.append(socket)
        server, received = socket.connect_to_server(), 0

        def forward(message: str | bytes) -> None:
            nonlocal received
            received += 1
            if socket is connections[0] and received > 2:
                third(socket, message)
            else:
                socket.send(message)

        server.on_message(forward)

    page.route_web_socket(lambda url: url.startswith(engine.websocket), cut)
    submit(page, site, engine)
    expect(page.get_by_role("listitem")).to_have_count(5)
    for number, status in enumerate(STATUSES, start=1):
        expect(page.get_by_role("listitem").nth(number - 1)).to_contain_text(f"{number} {status}")
    assert len(connections) == 2


def test_the_example_shows_the_error_of_a_wrong_order(page: Page, site: str, engine: Stack) -> None:
    submit(page, site, engine, "0")
    expect(page.get_by_role("alert")).to_have_text("amountIn: expected an amount above zero, was '0'")
