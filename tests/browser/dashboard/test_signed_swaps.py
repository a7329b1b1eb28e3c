"""Swaps that a wallet in the browser signs, on a localnet: from the dashboard to the chain and back."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from emulator.stores import free_port
from localnet.commands import airdrop
from tests.support.browser import Visit, ask, cards, submit
from tests.support.browser_wallets import BrowserWallet, install
from tests.support.concurrency import eventually
from tests.support.folders import data_folder
from tests.support.stack import Stack, running
from tools.run import on_localnet


@pytest.fixture(scope="module")
def stack(chromium: str) -> Iterator[Stack]:
    data = data_folder()
    with running(data, *on_localnet(data, None, None, free_port(), "--instant", "--still")) as stack:
        yield stack


@pytest.fixture
def connected(stack: Stack, enter: Visit) -> Callable[[BrowserWallet], Page]:
    """Gives a wallet 10 SOL, and opens the first page with it."""

    def connected(wallet: BrowserWallet) -> Page:
        airdrop(stack.parameters["SolanaRpcUrl"], wallet.address, "10", "SOL")
        page = enter()
        install(page, wallet)
        page.reload()
        page.get_by_role("button", name=wallet.name).click()
        expect(page.get_by_role("region", name="Wallet")).to_contain_text(wallet.address)
        return page

    return connected


def swap(page: Page, amount: str) -> None:
    page.get_by_label("You pay").fill(amount)
    page.get_by_role("button", name=f"Swap {amount} SOL for USDC").click()


def held(stack: Stack, wallet: BrowserWallet) -> dict[str, str]:
    balances = ask(stack, f"/api/wallet?address={wallet.address}")["balances"]
    return {balance["token"]: balance["amount"] for balance in balances}


def test_a_swap_is_filled_from_the_users_wallet(stack: Stack, connected: Callable[[BrowserWallet], Page]) -> None:
    wallet = BrowserWallet()
    page = connected(wallet)
    card = page.get_by_role("region", name="Wallet")
    expect(card.locator(".balances div").first).to_have_text(re.compile("SOL *10$"))
    swap(page, "1.25")
    filled = cards(page, "confirmed").filter(has_text="1.25 SOL")
    expect(filled).to_be_visible()
    filled.get_by_role("link").first.click()
    expect(page.get_by_role("region", name="Summary")).to_contain_text(f"Signed by{wallet.address}")
    order = ask(stack, f"/api/orders/{page.url.rpartition('/')[2]}")
    # What it was told is what it has: the amount, and SOL for the swap, the fee and the account for USDC.
    balances = held(stack, wallet)
    assert balances["USDC"] == order["amountOut"] != "0"
    assert 8.7 < float(balances["SOL"]) < 8.75
    page.get_by_role("link", name="Trade").click()
    expect(card).to_contain_text("USDC")
    expect(card.locator(".none").filter(has_text="USDC")).to_have_count(0)


def test_an_order_that_slips_is_quoted_and_signed_anew(
    stack: Stack, connected: Callable[[BrowserWallet], Page]
) -> None:
    """GIVEN a market that moves while the user looks at the quote."""
    airdrop(stack.parameters["SolanaRpcUrl"], stack.parameters["WalletAddress"], "5000", "SOL")

    class Slow(BrowserWallet):
        def sign(self, transaction: str) -> str:
            if len(self.signed) == 1:
                order_id = submit(stack, amountIn="5000", maxPriceImpactBps=10_000)
                eventually(lambda: ask(stack, f"/api/orders/{order_id}")["status"] == "confirmed")
            return super().sign(transaction)

    wallet = Slow()
    page = connected(wallet)
    page.get_by_role("button", name="0.1 %", exact=True).click()
    swap(page, "1.5")
    failed = cards(page, "failed").filter(has_text="1.5 SOL")
    expect(failed).to_contain_text("The market moves too fast")
    assert held(stack, wallet)["USDC"] == "0"
    failed.get_by_role("button", name="Fresh quote").click()
    page.get_by_role("button", name="Swap 1.5 SOL for USDC").click()
    expect(cards(page, "confirmed").filter(has_text="1.5 SOL")).to_be_visible()


def test_what_the_wallet_has_altered_is_refused(stack: Stack, connected: Callable[[BrowserWallet], Page]) -> None:
    class Altering(BrowserWallet):
        def sign(self, transaction: str) -> str:
            raw = bytearray(b64decode(transaction))
            raw[-1] ^= 1
            return super().sign(b64encode(raw).decode())

    wallet = Altering()
    page = connected(wallet)
    swap(page, "1.75")
    expect(page.get_by_text("The order was refused")).to_be_visible()
    page.locator(".outcome").get_by_text("Details").click()
    expect(page.get_by_text("signedTransaction: expected the message of the quoted transaction")).to_be_visible()
    assert held(stack, wallet)["SOL"] == "10"


def test_a_wallet_that_holds_too_little_is_quoted_once_it_is_funded(
    stack: Stack, connected: Callable[[BrowserWallet], Page]
) -> None:
    wallet = BrowserWallet()
    page = connected(wallet)
    page.get_by_label("You pay").fill("11")
    quote = page.get_by_role("region", name="Live quote")
    expect(quote).to_contain_text("The wallet holds too little")
    airdrop(stack.parameters["SolanaRpcUrl"], wallet.address, "10", "SOL")
    expect(page.get_by_role("button", name="Swap 11 SOL for USDC")).to_be_enabled()
