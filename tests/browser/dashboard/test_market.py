"""The market and the wallet on the dashboard."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from order_engine.domain.tokens import TOKENS
from tests.support.browser import WALLET, Cluster, Visit, ask, cards, submit, swap
from tests.support.concurrency import eventually
from tests.support.market import Market
from tests.support.stack import Stack

POOL = "BGm1tav58oGcsQJehL9WXBFXF7D27vZsKefj4xJKD5Y"


def confirmed(stack: Stack) -> tuple[str, str]:
    """Returns the id of a new order once it is confirmed, and its transaction."""
    order_id = submit(stack)
    eventually(lambda: ask(stack, f"/api/orders/{order_id}")["status"] == "confirmed")
    return order_id, ask(stack, f"/api/orders/{order_id}")["txHash"]


def test_the_simulated_market_has_no_wallet_and_no_links(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    expect(page.locator("#market")).to_have_text("Market: Simulated · test money")
    expect(page).to_have_title("Trade · Simulated · Order engine")
    expect(page.get_by_text("executed on the market Simulated")).to_be_visible()
    swap(page, "0.31")
    expect(cards(page, "confirmed").first).to_contain_text("0.31 SOL")
    expect(page.get_by_role("region", name="Wallet")).to_have_count(0)
    expect(page.get_by_role("region", name="Live quote")).not_to_contain_text("Transaction costs")
    cards(page, "confirmed").first.get_by_role("link").click()
    expect(page.locator(".detail > .title")).to_contain_text("Simulated")
    transaction = page.get_by_role("region", name="Transaction")
    expect(transaction.locator(".copyable")).to_be_visible()
    expect(transaction.get_by_role("link")).to_have_count(0)
    expect(transaction).not_to_contain_text("Transaction costs")
    page.get_by_role("link", name="Orders", exact=True).first.click()
    expect(page.locator(".orders tbody tr").first).to_contain_text("0.31 SOL")
    expect(page.locator(".orders .market")).to_have_count(0)


@pytest.mark.parametrize("name", ["Localnet", "Devnet", "Testnet", "Mainnet"])
def test_every_page_names_the_market_and_real_money(stack: Stack, market: Market, enter: Visit, name: str) -> None:
    order_id, _ = confirmed(stack)
    page = enter()
    Cluster(name, stack.rest).take(page)
    page.reload()
    places = {"": "Trade", "orders": "Orders", "insights": "Insights", f"orders/{order_id}": "Order"}
    for where, title in places.items():
        page.goto(f"{stack.rest}/#/{where}")
        expect(page).to_have_title(f"{title} · {name} · Order engine")
        expect(page.locator("#market")).to_have_text(
            f"Market: {name} · {'real' if name == 'Mainnet' else 'test'} money"
        )
        expect(page.locator("body.real-money")).to_have_count(int(name == "Mainnet"))
    page.goto(f"{stack.rest}/#/")
    expect(page.get_by_text("Real money. The order is executed on Mainnet.")).to_have_count(int(name == "Mainnet"))
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("body.real-money")).to_have_count(0)
    expect(page.locator("#market")).to_be_hidden()


@pytest.mark.parametrize(("name", "shown"), [("Devnet", "Devnet"), ("Mainnet", "Mainnet · real money")])
def test_the_smallest_page_names_the_market_too(stack: Stack, enter: Visit, name: str, shown: str) -> None:
    page = enter(viewport={"width": 320, "height": 600})
    Cluster(name, stack.rest).take(page)
    page.reload()
    tag = page.locator("#market .tag")
    expect(tag).to_be_in_viewport(ratio=1)
    assert tag.inner_text() == shown
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_form_offers_the_tokens_of_the_market(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()

    def offered() -> list[str]:
        options = page.get_by_role("combobox", name="Token to pay with").locator("option:not([disabled])")
        return options.all_text_contents()

    assert offered() == list(TOKENS)
    Cluster("Devnet", stack.rest, ("SOL", "wSOL", "USDC")).take(page)
    page.reload()
    expect(page.locator("#market")).to_have_text("Market: Devnet · test money")
    assert offered() == ["SOL", "wSOL", "USDC"]


def test_the_wallet_and_the_transaction_link_to_the_explorer(stack: Stack, market: Market, enter: Visit) -> None:
    order_id, signature = confirmed(stack)
    page = enter()
    Cluster("Localnet", f"{stack.rest}/explorer").take(page)
    page.reload()
    wallet = page.get_by_role("region", name="Wallet")
    with page.expect_popup() as address:
        wallet.get_by_role("link", name=WALLET).click()
    assert address.value.url == f"{stack.rest}/explorer/address/{WALLET}"

    page.goto(f"{stack.rest}/#/orders/{order_id}")
    with page.expect_popup() as transaction:
        page.get_by_role("region", name="Transaction").get_by_role("link", name=signature).click()
    assert transaction.value.url == f"{stack.rest}/explorer/tx/{signature}"
    assert transaction.value.evaluate("opener") is None


def test_an_order_of_another_market_is_named_and_not_linked(stack: Stack, market: Market, enter: Visit) -> None:
    order_id, signature = confirmed(stack)
    page = enter()
    cluster = Cluster("Devnet", stack.rest)
    cluster.replaced = {}
    cluster.take(page)
    page.reload()
    expect(page.locator("#market")).to_contain_text("Devnet")
    expect(cards(page, "confirmed").first).to_contain_text("Simulated")
    page.goto(f"{stack.rest}/#/orders/{order_id}")
    expect(page.locator(".detail > .title")).to_contain_text("Simulated")
    expect(page.get_by_role("region", name="Transaction")).to_contain_text(signature)
    expect(page.get_by_role("region", name="Transaction").get_by_role("link")).to_have_count(0)
    page.get_by_role("link", name="Orders", exact=True).first.click()
    expect(page.locator(".orders tbody tr").first).to_contain_text("Simulated")
    page.get_by_role("link", name="Insights").click()
    expect(page.get_by_role("region", name="Fills by venue")).to_contain_text("No order is confirmed yet")


def test_the_balances_are_read_again_after_a_confirmed_order(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    cluster = Cluster("Localnet", stack.rest)
    cluster.take(page)
    page.reload()
    wallet = page.get_by_role("region", name="Wallet")
    expect(wallet).to_contain_text("12.5")
    expect(wallet.locator(".age")).to_have_text(re.compile("old$"))
    cluster.balances = {"SOL": "12.27", "USDC": "39.05"}
    swap(page, "0.23")
    expect(cards(page, "confirmed").first).to_contain_text("0.23 SOL")
    expect(wallet).to_contain_text("39.05", timeout=10_000)

    # WHEN the node does not answer, the last balances stay
    cluster.failing = True
    swap(page, "0.24")
    expect(wallet).to_contain_text("The balances could not be read. The node does not answer", timeout=10_000)
    expect(wallet).to_contain_text("39.05")


def test_costs_and_unspent_input_are_shown(stack: Stack, market: Market, enter: Visit) -> None:
    order_id, _ = confirmed(stack)
    page = enter()
    cluster = Cluster("Localnet", stack.rest)
    cluster.replaced |= {
        '"unspent": "0"': '"unspent": "0.00375"',
        '"amountSpent": "0.01"': '"amountSpent": "0.0099"',
        '"amountSpentBaseUnits": "10000000"': '"amountSpentBaseUnits": "9900000"',
    }
    cluster.take(page)
    page.reload()
    quote = page.get_by_role("region", name="Live quote")
    expect(quote).to_contain_text("0.00001 SOL network")
    expect(quote).to_contain_text("0.00203928 SOL rent of new accounts")
    expect(quote).to_contain_text("0.00375 SOL stays in the wallet")
    page.goto(f"{stack.rest}/#/orders/{order_id}")
    summary = page.get_by_role("region", name="Summary")
    expect(summary).to_contain_text("0.0099 SOL of 0.01 SOL; the rest stayed in the wallet")
    expect(page.get_by_role("region", name="Transaction")).to_contain_text("0.00203928 SOL rent of new accounts")
    page.get_by_role("link", name="Orders", exact=True).first.click()
    row = page.locator(".orders tbody tr").filter(has_text=order_id[-8:])
    expect(row.locator('[data-label="You pay"]')).to_have_text("0.0099 SOL")


def test_a_pool_is_named_and_linked(stack: Stack, market: Market, enter: Visit) -> None:
    order_id, _ = confirmed(stack)
    page = enter()
    cluster = Cluster("Localnet", stack.rest)
    # As the engine names pools on Solana.
    cluster.replaced |= {
        '"pool": "meteora-dlmm:SOL-USDC"': f'"pool": "{POOL}"',
        '"pools": "meteora-dlmm:SOL-USDC"': f'"pools": "meteora-dlmm:SOL-USDC:{POOL[:4]}"',
    }
    cluster.take(page)
    page.reload()
    quote = page.get_by_role("region", name="Live quote")
    page.goto(f"{stack.rest}/#/orders/{order_id}")
    route = page.get_by_role("region", name="Route", exact=True)
    for place, table in ((route, page.get_by_role("region", name="Routes compared")), (quote, quote)):
        expect(place.locator(".legs .pool").first).to_have_text("Meteora DLMM · SOL/USDC")
        expect(place.locator(".legs code").first).to_have_text(f"{POOL[:4]}…")
        expect(place.get_by_role("button", name=f"Copy {POOL}").first).to_be_visible()
        link = place.locator(".legs a").first
        expect(link).to_have_attribute("href", f"{stack.rest}/address/{POOL}")
        expect(link).to_have_attribute("rel", "noopener")
        expect(table.locator('[data-label="Route"]').first).to_contain_text(f"Meteora DLMM · SOL/USDC {POOL[:4]}…")
        if place is quote:
            # The next quote leaves the focus where it is.
            place.get_by_role("button", name=f"Copy {POOL}").first.focus()
            shown = place.locator(".legs").first.element_handle()
            page.wait_for_function("shown => !shown.isConnected", arg=shown)
            expect(place.get_by_role("button", name=f"Copy {POOL}").first).to_be_focused()
        page.goto(f"{stack.rest}/#/")


def test_the_page_notices_that_the_engine_trades_elsewhere_now(stack: Stack, market: Market, enter: Visit) -> None:
    page = enter()
    expect(page.locator("#market")).to_contain_text("Simulated")
    Cluster("Mainnet", stack.rest).take(page)
    page.get_by_label("You pay").fill("0.17")
    expect(page.locator("#market")).to_contain_text("Mainnet · real money")
    expect(page.get_by_role("region", name="Wallet")).to_contain_text(WALLET)


def test_the_market_is_asked_for_until_the_engine_answers(stack: Stack, enter: Visit) -> None:
    page = enter()
    unavailable = {"error": {"code": "ServiceUnavailable", "message": "busy", "details": []}}
    # All requests: the first that succeeds takes the message away.
    page.route("**/api/**", lambda route: route.fulfill(status=503, json=unavailable))
    page.reload()
    expect(page.locator("#banner")).to_contain_text("busy")
    expect(page.locator("#market")).to_have_text("")
    page.unroute("**/api/**")
    expect(page.locator("#market")).to_contain_text("Simulated")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", ["Localnet", "Devnet", "Mainnet"])
def test_the_market_and_the_wallet_fit_and_are_accessible(
    stack: Stack,
    market: Market,
    visit: Visit,
    look: Callable[[Page, str], None],
    name: str,
    width: int,
    scheme: str,
) -> None:
    order_id, signature = confirmed(stack)
    page = visit(f"{stack.rest}/", viewport={"width": width, "height": 900}, color_scheme=scheme)
    Cluster(name, stack.rest).take(page)
    page.get_by_label("API key").fill(stack.key)
    page.get_by_label("API key").press("Enter")
    expect(page.get_by_role("region", name="Wallet")).to_contain_text(WALLET)
    expect(page.get_by_role("region", name="Live quote")).to_contain_text("rent of new accounts")
    look(page, f"trade-{name}")
    page.goto(f"{stack.rest}/#/orders/{order_id}")
    expect(page.get_by_role("link", name=signature)).to_be_visible()
    look(page, f"order-{name}")
