"""The insights: prices with the user's fills, times, slippage and shares, of one request for the newest orders."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from contract.examples import EXAMPLES
from tests.support.browser import Visit, ask, submit
from tests.support.stack import Stack

TIMING = EXAMPLES["timings"]["orders"][0] | {"market": "Simulated"}


def confirmed(stack: Stack, **changes: Any) -> dict[str, Any]:
    """Returns the fill of an order."""
    order_id = submit(stack, **changes)
    while not (found := [one for one in ask(stack, "/api/fills?limit=10")["fills"] if one["orderId"] == order_id]):
        time.sleep(0.05)
    fill: dict[str, Any] = found[0]
    return fill


def insights(enter: Visit, before: Callable[[Page], None] = lambda page: None) -> Page:
    page = enter()
    before(page)
    page.get_by_role("link", name="Insights").click()
    return page


def timed(
    *orders: dict[str, Any], complete: bool = True, fills: Sequence[dict[str, Any]] | None = None
) -> Callable[[Page], None]:
    """Answers the page's requests for the orders that have ended with these, and those for fills if some are given."""

    def take(page: Page) -> None:
        answer(page, "orders/timings", {"orders": orders, "complete": complete})
        if fills is not None:
            answer(page, "fills", {"fills": fills, "nextCursor": None})

    def answer(page: Page, path: str, body: object) -> None:
        page.route(f"**/api/{path}?*", lambda route: route.fulfill(json=body))

    return take


def evaluated(page: Page, module: str, expression: str, *arguments: object) -> Any:
    """Returns the value of an expression with the functions of one of the page's modules as `it`."""
    load = f"import(document.querySelector('script[type=module]').src.replace('main.js', '{module}'))"
    return page.evaluate(f"async given => {{ const it = await {load}; return ({expression}); }}", list(arguments))


def percents(region: Locator) -> list[float]:
    return [float(text.split()[0]) for text in region.get_by_text(re.compile(r"^[\d.]+ %$")).all_text_contents()]


def test_one_request_brings_the_times_of_all_orders(stack: Stack, enter: Visit) -> None:
    for _ in range(3):
        confirmed(stack)
    asked: list[str] = []
    page = insights(enter, lambda page: page.on("request", lambda request: asked.append(urlsplit(request.url).path)))
    ended = len(ask(stack, "/api/orders/timings?limit=1000")["orders"])
    expect(page.get_by_text(f"All {ended} orders that have ended")).to_be_visible()
    expect(page.get_by_role("region", name="Time by step").locator(".readout")).to_have_text(
        re.compile("^All steps: p50")
    )
    assert sum(path.endswith("/api/orders/timings") for path in asked) == 1
    assert [path for path in asked if re.search("/api/orders/[0-9a-f-]{36}", path)] == []


def test_orders_that_end_later_are_counted(stack: Stack, enter: Visit) -> None:
    confirmed(stack)
    page = insights(enter)
    scope = page.locator(".title .note")
    ended = len(ask(stack, "/api/orders/timings?limit=1000")["orders"])
    expect(scope).to_have_text(f"All {ended} orders that have ended")
    confirmed(stack)
    expect(scope).to_have_text(f"All {ended + 1} orders that have ended", timeout=30_000)


def test_a_part_of_the_orders_is_named_as_such(enter: Visit) -> None:
    other = TIMING | {"orderId": "01a1fb19-a2ec-7b9b-9c78-6bfaf20752f5", "market": "Devnet"}
    page = insights(enter, timed(TIMING, other, complete=False))
    expect(page.get_by_text("The newest 2 orders that have ended, 1 of them in Simulated")).to_be_visible()


def test_without_an_order_the_page_says_what_to_do(enter: Visit) -> None:
    page = insights(enter, timed())
    expect(page.locator(".title")).to_contain_text("No order has ended yet")
    page.get_by_role("link", name="Submit one").click()
    expect(page.get_by_label("You pay")).to_be_visible()


def test_the_arrow_keys_read_out_the_bars(enter: Visit) -> None:
    page = insights(enter, timed(TIMING))
    expect(page.locator(".title .note")).to_have_text("1 order that has ended")
    panel = page.get_by_role("region", name="Time by step")
    expect(panel.locator(".readout")).to_have_text("All steps: p50 7.0 s, p95 7.0 s, 1 order")
    bars = panel.get_by_role("img")
    for key, step in (("ArrowRight", "Route"), ("End", "Confirm"), ("ArrowLeft", "Send"), ("Home", "Route")):
        bars.press(key)
        expect(panel.locator(".readout")).to_contain_text(f"{step}: p50")
    bars.blur()
    expect(panel.locator(".readout")).to_contain_text("All steps")


def test_fills_are_on_the_prices_of_their_pair(stack: Stack, enter: Visit) -> None:
    sold, bought = confirmed(stack, amountIn="1.5"), confirmed(stack, tokenIn="USDC", tokenOut="SOL", amountIn="100")
    page = insights(enter)
    chart = page.get_by_role("region", name="Prices and fills")
    chart.get_by_label("Pair").select_option("SOL/USDC")
    chart.get_by_label("Period").select_option("All")
    for entry in ("Meteora", "Raydium", "Sell", "Buy", "You bought", "You sold"):
        expect(chart.locator(".legend").get_by_text(entry, exact=True)).to_be_visible()

    # WHEN the arrow keys move through the times, from the newest one back
    readout = chart.locator(".readout")
    expect(readout).to_contain_text("Raydium: ")
    plot = chart.get_by_role("img", name="Prices and fills")
    plot.focus()
    plot.press("End")
    expected = [f"▼ sold 1.5 SOL at {sold['executedPrice'][:6]}", f"▲ bought {bought['amountOut'][:5]}"]
    for _ in range(100):
        text = readout.text_content() or ""
        expected = [one for one in expected if one not in text]
        plot.press("ArrowLeft")
    assert expected == []

    # THEN each was read out, the table has them, and Enter opens the order
    chart.get_by_text("As a table").click()
    expect(chart.get_by_role("table", name="Fills").get_by_role("link")).not_to_have_count(0)
    plot.press("End")
    while "sold" not in (readout.text_content() or ""):
        plot.press("ArrowLeft")
    plot.press("Enter")
    expect(page.locator("h1 + .badge")).to_contain_text("Confirmed")


def test_a_fill_is_read_out_under_the_pointer(stack: Stack, enter: Visit) -> None:
    fill = confirmed(stack, amountIn="1.5")
    page = insights(enter, timed(TIMING | {"orderId": fill["orderId"]}, fills=[fill]))
    chart = page.get_by_role("region", name="Prices and fills")
    readout = chart.locator(".readout")
    plot = chart.get_by_role("img")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    for step in range(200):
        page.mouse.move(box["x"] + 80 + (box["width"] - 120) * step / 200, box["y"] + box["height"] / 2)
        if "sold 1.5 SOL" in (readout.text_content() or ""):
            break
    expect(readout).to_contain_text("▼ sold 1.5 SOL")
    page.mouse.move(0, 0)
    expect(readout).not_to_contain_text("sold")


def test_a_period_without_a_price_can_be_left_again(enter: Visit) -> None:
    page = insights(enter, timed(TIMING | {"tokenIn": "RAY"}, fills=[]))
    chart = page.get_by_role("region", name="Prices and fills")
    chart.get_by_label("Pair").select_option("RAY/USDC")
    expect(chart.locator("canvas")).to_be_visible()
    chart.get_by_label("Period").select_option("Last hour")
    expect(chart).to_contain_text("No price here yet")
    expect(chart.locator("canvas")).to_be_hidden()
    chart.get_by_label("Period").select_option("All")
    expect(chart.locator("canvas")).to_be_visible()


def test_the_address_keeps_the_pair_and_the_period(enter: Visit) -> None:
    page = insights(enter, timed(TIMING, TIMING | {"orderId": "2", "tokenIn": "RAY"}, fills=[]))
    chart = page.get_by_role("region", name="Prices and fills")
    pair, period = chart.get_by_label("Pair"), chart.get_by_label("Period")
    expect(pair.locator("option")).to_have_count(2)
    pair.select_option("RAY/USDC" if pair.input_value() == "SOL/USDC" else "SOL/USDC")
    period.select_option("Last 7 days")
    chosen = pair.input_value(), period.input_value()
    page.reload()
    expect(chart.get_by_label("Pair")).to_have_value(chosen[0])
    expect(chart.get_by_label("Period")).to_have_value(chosen[1])
    page.get_by_role("link", name="Trade").click()
    page.go_back()
    expect(chart.get_by_label("Pair")).to_have_value(chosen[0])
    expect(chart.get_by_label("Period")).to_have_value(chosen[1])


def test_a_quote_that_moves_the_price_far_is_left_out_and_said_so(stack: Stack, enter: Visit) -> None:
    far = [{"venue": venue, "price": "0.000001", "priceImpactBps": 10_000} for venue in ("meteora", "raydium")]
    routed = {"at": "2026-11-20T22:35:25.000Z", "priceImpactBps": 10_000, "quotes": far}
    order = TIMING | {"orderId": "01a1fb19-a2ec-7b9b-9c78-6bfaf20752f7", "routed": routed}
    page = insights(enter, timed(order, TIMING))
    chart = page.get_by_role("region", name="Prices and fills")
    chart.get_by_label("Period").select_option("All")
    expect(chart).to_contain_text("1 quote with a price impact of 5.00 % or more is left out.")
    expect(chart.locator(".readout")).to_contain_text(re.compile(r"Raydium: .*sell 1\d\d\."))


def test_the_scale_is_that_of_what_says_something_about_the_market(enter: Visit) -> None:
    page = insights(enter)
    swap = {"tokenIn": "SOL", "tokenOut": "USDC"}
    quoted = {"venue": "raydium", "price": "170", "priceImpactBps": 0}
    fill = {**swap, "filledAt": "2026-11-20T22:35:26Z", "amountIn": "1000", "amountOut": "1", "venue": "raydium"}
    expression = """it.columns(
        ["170", "171"].map(price => it.pricesOf({...given[0], quotes: [{...given[0].quotes[0], price}]}, given[0].at)),
        [it.fillOf(given[1], new Map([[given[1].orderId, given[2]]]))],
    )"""
    quote = {**swap, "at": "2026-11-20T22:35:25Z", "quotes": [quoted]}
    far, near = (evaluated(page, "pairs.js", expression, quote, {**fill, "orderId": "1"}, bps) for bps in (10_000, 1))
    assert far["scale"] == pytest.approx([169.9, 171.1])
    assert near["scale"][0] < 0.001 < 171 < near["scale"][1]
    assert [mark["value"] for mark in far["marks"]] == [0.001]


def test_a_price_is_that_of_the_base_token_without_the_impact_of_the_amount(enter: Visit) -> None:
    page = insights(enter)
    buys = {
        "tokenIn": "USDC",
        "tokenOut": "SOL",
        "quotes": [{"venue": "raydium", "price": "0.005", "priceImpactBps": 400}],
    }
    quote = evaluated(page, "pairs.js", "it.pricesOf(given[0], '2026-11-20T22:35:25Z')", buys)
    assert (quote["pair"], quote["sells"]) == ("SOL/USDC", False)
    assert quote["prices"] == pytest.approx({"raydium": 192})


@pytest.mark.parametrize("counts", [[1, 1, 1], [2, 1], [1] * 7, [997, 1, 1, 1], [3], [5, 5]])
def test_shares_add_up_to_all(enter: Visit, counts: list[int]) -> None:
    page = insights(enter)
    shares = evaluated(page, "stats.js", "it.shares(given[0])", counts)
    assert sum(shares) == 10_000
    assert all(abs(share - 10_000 * count / sum(counts)) < 1 for share, count in zip(shares, counts, strict=True))


def test_the_shares_of_venues_and_failures_add_up_on_the_page(enter: Visit) -> None:
    venues = ["raydium", "meteora", "meteora+raydium"]
    errors = ["SlippageExceeded", "QuoteExpired", "VenueUnavailable"]
    orders = [TIMING | {"orderId": f"{n}", "venue": venue} for n, venue in enumerate(venues)]
    failed = [TIMING | {"orderId": f"1{n}", "status": "failed", "errorCode": code} for n, code in enumerate(errors)]
    page = insights(enter, timed(*orders, *failed))
    for name in ("Fills by venue", "Failures by reason"):
        region = page.get_by_role("region", name=name)
        expect(region.locator("li")).to_have_count(3)
        assert sum(percents(region)) == pytest.approx(100)
    expect(page.get_by_role("region", name="Failures by reason")).to_contain_text("Slippage exceeded")


def test_times_are_put_together_by_when_orders_were_confirmed(enter: Visit) -> None:
    page = insights(enter)
    orders = [
        TIMING
        | {"endedAt": f"2026-11-20T22:{minute}:00.000Z"}
        | {"steps": {"pending": spent, "routing": None, "building": None, "submitted": None}}
        for minute, spent in [(10, 100), (11, 300), (11, 200), (49, 50)]
    ]
    rows = evaluated(page, "stats.js", "it.durationsOverTime(given[0])", orders)
    assert [(row["count"], row["p50"], row["p95"]) for row in rows] == [(1, 100, 100), (2, 200, 300), (1, 50, 50)]
    assert rows[1]["from"] - rows[0]["from"] == 60


def test_the_histogram_puts_what_is_far_out_into_its_ends(enter: Visit) -> None:
    page = insights(enter)
    orders = [TIMING | {"realisedSlippageBps": bps} for bps in [-9_000, *[0, 1, 2, 3] * 30, 9_000, None]]
    bins = evaluated(page, "stats.js", "it.slippages(given[0])", orders)
    assert [row["count"] for row in bins] == [31, 30, 30, 31]
    assert (bins[0]["from"], bins[-1]["to"]) == (None, None)
    assert bins[0]["to"] == 1
