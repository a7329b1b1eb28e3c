"""Wallets in the browser, and swaps that they sign, on the dashboard."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from solders.keypair import Keypair

from tests.support.browser import WALLET, Visit, cards
from tests.support.browser_wallets import BrowserWallet, install
from tests.support.scripted_swaps import SigningCluster
from tests.support.stack import Stack

EXPIRED = 409, {"error": {"code": "QuoteExpired", "message": "the quote expired 4.2 s ago", "details": []}}

Open = Callable[..., Page]


@pytest.fixture
def cluster(stack: Stack) -> SigningCluster:
    return SigningCluster("Localnet", stack.rest)


@pytest.fixture
def open(enter: Visit, cluster: SigningCluster) -> Open:
    """Opens the first page in a browser with these wallets."""

    def open(*wallets: BrowserWallet, **options: object) -> Page:
        page = enter(**options)
        cluster.take(page)
        install(page, *wallets)
        page.reload()
        expect(page.locator("#market")).to_have_text(re.compile(cluster.name))
        return page

    return open


def card(page: Page) -> Locator:
    return page.get_by_role("region", name="Wallet")


def choice(page: Page, name: str) -> Locator:
    return card(page).get_by_role("button", name=name, exact=True)


def connect(page: Page, wallet: BrowserWallet) -> None:
    choice(page, wallet.name).click()
    expect(card(page)).to_contain_text(wallet.address)


def swap_button(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^Swap [0-9]"))


def test_the_page_offers_the_wallets_that_sign_in_its_market(open: Open) -> None:
    elsewhere = BrowserWallet("Elsewhere", ("solana:mainnet", "solana:devnet"))
    old = BrowserWallet("Old", versions=("legacy",))
    one, other = BrowserWallet("One"), BrowserWallet("Other")
    page = open(elsewhere, one, old, other)
    buttons = card(page).get_by_role("group", name="Paid by").get_by_role("button")
    expect(buttons).to_have_text(["The engine's wallet", "One", "Other"])
    expect(choice(page, "The engine's wallet")).to_have_attribute("aria-pressed", "true")
    expect(card(page)).to_contain_text(WALLET)


def test_a_wallet_is_connected_shows_its_balances_and_is_remembered(open: Open, cluster: SigningCluster) -> None:
    one, other = BrowserWallet("One"), BrowserWallet("Other")
    page = open(one, other)
    with page.expect_request(lambda request: request.url.endswith(f"/api/wallet?address={one.address}")):
        connect(page, one)
    expect(card(page)).to_contain_text("12.5")
    expect(page.get_by_text("executed on the market Localnet, and paid by your wallet in One.")).to_be_visible()

    # WHEN the page is loaded anew, the wallet is asked without the user
    page.reload()
    expect(choice(page, "One")).to_have_attribute("aria-pressed", "true")
    expect(card(page)).to_contain_text(one.address)

    # WHEN the user takes another wallet, and then the engine's
    connect(page, other)
    expect(choice(page, "One")).to_have_attribute("aria-pressed", "false")
    choice(page, "The engine's wallet").click()
    expect(card(page)).to_contain_text(WALLET)
    expect(page.get_by_text("executed on the market Localnet.")).to_be_visible()

    # THEN this choice lasts too, though the wallets would share their accounts
    page.reload()
    expect(card(page)).to_contain_text(WALLET)


def test_a_wallet_that_does_not_connect_says_why(open: Open) -> None:
    wallet = BrowserWallet(refusals={"connect": "User rejected the request."})
    page = open(wallet)
    choice(page, wallet.name).click()
    expect(card(page)).to_contain_text("Test Wallet is not connected: User rejected the request.")
    expect(card(page)).to_contain_text(WALLET)
    wallet.refusals.clear()
    connect(page, wallet)
    expect(card(page)).not_to_contain_text("is not connected")


def test_the_page_follows_the_wallets_account(open: Open, cluster: SigningCluster) -> None:
    wallet, fresh = BrowserWallet(), Keypair()
    page = open(wallet)
    connect(page, wallet)
    expect(swap_button(page)).to_be_enabled()
    wallet.change(page, fresh)
    expect(card(page)).to_contain_text(str(fresh.pubkey()))
    swap_button(page).click()
    expect(page.get_by_role("link", name="Show the order")).to_be_visible()
    assert cluster.quoted[-1] == str(fresh.pubkey())

    # WHEN the wallet shares no account any more
    wallet.change(page)
    expect(card(page)).to_contain_text("Test Wallet has disconnected.")
    expect(card(page)).to_contain_text(WALLET)


def test_a_wallet_is_disconnected_and_forgets_the_page(open: Open) -> None:
    wallet = BrowserWallet()
    page = open(wallet)
    connect(page, wallet)
    page.get_by_role("button", name="Disconnect Test Wallet").click()
    expect(card(page)).to_contain_text(WALLET)
    page.reload()
    expect(card(page)).to_contain_text(WALLET)
    assert not wallet.trusts


def test_a_swap_is_signed_by_the_wallet_and_submitted_with_its_quote(open: Open, cluster: SigningCluster) -> None:
    wallet = BrowserWallet()
    page = open(wallet)
    connect(page, wallet)
    expect(page.get_by_label("Execute only at this quote")).to_be_hidden()
    swap_button(page).click()
    expect(page.get_by_role("link", name="Show the order")).to_be_visible()
    (order,) = cluster.posted
    assert order.keys() == {"quoteId", "signedTransaction"}
    assert [chain for chain, _ in wallet.signed] == ["solana:localnet"]
    expect(cards(page, "pending")).to_contain_text("1.5 SOL")


def test_a_refused_signature_submits_nothing(open: Open, cluster: SigningCluster) -> None:
    wallet = BrowserWallet(refusals={"sign": "User rejected the request."})
    page = open(wallet)
    connect(page, wallet)
    swap_button(page).click()
    expect(page.get_by_text("User rejected the request. Nothing was sent.")).to_be_visible()
    assert cluster.posted == []
    wallet.refusals.clear()
    swap_button(page).click()
    expect(page.get_by_role("link", name="Show the order")).to_be_visible()


@pytest.mark.parametrize(
    ("give_up", "reason"),
    [
        (lambda page, wallet: page.get_by_role("button", name="Stop waiting").click(), "You have stopped waiting"),
        (lambda page, wallet: page.get_by_label("You pay").fill("2"), "The order was changed"),
        (lambda page, wallet: wallet.change(page, Keypair()), "Its account has changed"),
    ],
    ids=["stopped", "edited", "another account"],
)
def test_a_wallet_that_does_not_answer_is_waited_for_until_the_user_stops(
    open: Open, cluster: SigningCluster, give_up: Callable[[Page, BrowserWallet], None], reason: str
) -> None:
    wallet = BrowserWallet()
    page = open(wallet)
    connect(page, wallet)
    wallet.answers = 0
    swap_button(page).click()
    expect(page.get_by_text("Confirm the swap in Test Wallet.")).to_be_visible()
    expect(page.get_by_role("button", name="Waiting for Test Wallet…")).to_be_disabled()
    give_up(page, wallet)
    expect(page.get_by_text(f"{reason}. Nothing was sent.")).to_be_visible()
    expect(swap_button(page)).to_be_enabled()
    assert cluster.posted == []


def test_an_expired_quote_is_replaced_and_signed_again(open: Open, cluster: SigningCluster) -> None:
    wallet = BrowserWallet()
    page = open(wallet)
    connect(page, wallet)
    cluster.answers = [EXPIRED]
    swap_button(page).click()
    expect(page.get_by_role("link", name="Show the order")).to_be_visible()
    first, second = cluster.posted
    assert first["quoteId"] != second["quoteId"]
    assert len(wallet.signed) == 2

    # WHEN the wallet leaves the second question to the user, it says why it asks again
    cluster.answers, wallet.answers = [EXPIRED], 1
    swap_button(page).click()
    expect(page.get_by_text("The quote expired before it was signed. Confirm the swap in Test Wallet.")).to_be_visible()
    page.get_by_role("button", name="Stop waiting").click()
    expect(page.get_by_text("You have stopped waiting. Nothing was sent.")).to_be_visible()


def test_a_slipped_order_offers_a_fresh_quote(open: Open, cluster: SigningCluster) -> None:
    wallet = BrowserWallet()
    page = open(wallet)
    connect(page, wallet)
    swap_button(page).click()
    expect(cards(page, "pending")).to_be_visible()
    (order,) = cluster.orders.all()
    cluster.slip(order)
    failed = cards(page, "failed")
    expect(failed).to_contain_text("The market moves too fast", timeout=15_000)
    page.get_by_label("You pay").fill("7")
    failed.get_by_role("button", name="Fresh quote").click()
    expect(page.get_by_label("You pay")).to_have_value("1.5")
    swap_button(page).click()
    expect(page.get_by_role("link", name="Show the order")).to_be_visible()
    assert len(wallet.signed) == 2


def test_other_orders_than_swaps_are_not_signed(open: Open, cluster: SigningCluster) -> None:
    wallet = BrowserWallet()
    page = open(wallet)
    connect(page, wallet)
    page.get_by_role("radio", name="Limit", exact=True).check()
    why = page.get_by_text("A transaction that you sign is valid for about a minute")
    expect(why).to_be_visible()
    expect(page.get_by_role("button", name="Place limit order")).to_be_disabled()
    choice(page, "The engine's wallet").click()
    expect(why).to_be_hidden()
    expect(page.get_by_role("button", name="Place limit order")).to_be_enabled()


def test_an_engine_without_a_wallet_swaps_only_with_the_users(
    enter: Visit, stack: Stack, cluster: SigningCluster
) -> None:
    cluster.wallet = None
    wallet = BrowserWallet()
    page = enter()
    cluster.take(page)
    install(page, wallet)
    page.reload()
    expect(card(page).get_by_role("button")).to_have_text(["Test Wallet"])
    expect(page.get_by_text("This engine has no wallet of its own: connect yours to swap.").first).to_be_visible()
    expect(page.get_by_role("button", name="Connect a wallet")).to_be_disabled()
    connect(page, wallet)
    swap_button(page).click()
    expect(page.get_by_role("link", name="Show the order")).to_be_visible()
    page.get_by_role("radio", name="Limit", exact=True).check()
    expect(page.get_by_role("button", name="Place limit order")).to_be_disabled()


def test_a_browser_without_a_wallet_is_told_what_to_do(open: Open) -> None:
    page = open()
    expect(card(page)).to_contain_text("no wallet here signs on Localnet. Phantom, Solflare, Backpack")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark"), (320, "light")])
def test_wallets_fit_and_are_accessible(
    open: Open, cluster: SigningCluster, look: Callable[[Page, str], None], width: int, scheme: str
) -> None:
    wallet, other = BrowserWallet(), BrowserWallet("Another Wallet With a Long Name")
    page = open(wallet, other, viewport={"width": width, "height": 900}, color_scheme=scheme)
    connect(page, wallet)
    expect(card(page)).to_contain_text("12.5")
    expect(swap_button(page)).to_be_enabled()
    look(page, "wallet")
    wallet.answers = 0
    swap_button(page).click()
    expect(page.get_by_role("button", name="Stop waiting")).to_be_visible()
    look(page, "wallet-signing")
    page.get_by_role("button", name="Stop waiting").click()
    page.get_by_role("radio", name="Limit", exact=True).check()
    expect(page.get_by_text("A transaction that you sign is valid for about a minute")).to_be_visible()
    look(page, "wallet-refused")
