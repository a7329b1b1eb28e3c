"""What a web page of another origin can do to a running stack: nothing."""

from __future__ import annotations

import json

from playwright.sync_api import Browser

from tests.support.http_server import http_server
from tests.support.market import Market
from tests.support.stack import Stack

# A form's content type: a browser sends such a request without asking first.
_POST = """async ([url, body]) => {
    try { await fetch(url, {method: "POST", mode: "no-cors", body, headers: {"Content-Type": "text/plain"}}); }
    catch (error) { return String(error); }
    return "sent";
}"""


def test_a_page_of_another_origin_makes_no_api_key(browser: Browser, stack: Stack, market: Market) -> None:
    (before,) = market.database.fetch("SELECT count(*) FROM api_keys")
    url = f"{stack.endpoint}/2015-03-31/functions/KeysFunction/invocations"
    with http_server() as elsewhere:
        page = browser.new_page()
        page.goto(f"{elsewhere.url}/page")
        done = page.evaluate(_POST, [url, json.dumps({"action": "create-key", "name": "thief"})])
        page.close()
    assert done == "sent"
    assert market.database.fetch("SELECT count(*) FROM api_keys") == [before]
    assert market.database.fetch("SELECT name FROM clients WHERE name = 'thief'") == []
