"""The explorer's pages: what they show, that they escape it, and what they do not find."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from html import unescape

import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from localnet.addresses import MEMO
from localnet.chain import Commitment
from localnet.explorer.frame import page
from localnet.explorer.markup import html
from localnet.explorer.names import Names
from localnet.explorer.overview import address_page, home_page
from localnet.explorer.transaction import transaction_page
from localnet.market.pools import market_pools
from localnet.market.tokens import TOKENS
from localnet.tokens import associated_token_account
from tests.integration.localnet.desk import PROGRAM, Desk, trade
from tests.support.localnet import SOL, Localnet, payment, signed
from tests.support.localnet_process import LocalnetProcess

NAMES = Names({PROGRAM: "The desk"})


def text(markup: str) -> str:
    """What a reader sees."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", markup)))


def shown(localnet: Localnet, signature: str) -> str:
    chain = localnet.node.chain
    landed = chain.transaction(Signature.from_string(signature), chain.tip)
    assert landed is not None
    return transaction_page(landed, Commitment.CONFIRMED, NAMES)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk.opened()
    yield desk
    desk.localnet.kill()


@pytest.fixture
def trader(desk: Desk) -> Keypair:
    keypair = desk.localnet.funded()
    for symbol in ("USDC", "RAY"):
        desk.localnet.give(keypair.pubkey(), 1_000_000, symbol)
    return keypair


def test_a_transaction_shows_instructions_balances_and_logs(desk: Desk, trader: Keypair) -> None:
    localnet = desk.localnet
    memo = Instruction(MEMO, b"an order", [])
    signature = localnet.send(signed(trader, [trade(trader, 300_000, 700_000), memo], localnet.blockhash()))
    page = text(shown(localnet, signature))
    assert signature in page
    for expected in (
        "Result Success",
        "Commitment Confirmed",
        "Fee 0.000005 SOL",
        f"Trade The desk {PROGRAM} 10 accounts # Account Role 1 {trader.pubkey()} Fee payer, Signer, Writable 2",
        "24 bytes of data",
        "Transfer checked 0.3 USDC Token program",
        "Transfer checked 0.7 RAY Token program",
        "Memo an order Memo program",
        f"{trader.pubkey()} Fee payer, Signer, Writable 10 SOL 9.999995 SOL −0.000005",
        "USDC 1 0.7 −0.3",
        "RAY 1 1.7 +0.7",
        f"Program {PROGRAM} success",
    ):
        assert expected in page


def test_a_transaction_that_failed_says_how(desk: Desk, trader: Keypair) -> None:
    localnet = desk.localnet
    transaction = signed(trader, [trade(trader, 1, 1, 7)], localnet.blockhash())
    markup = shown(localnet, localnet.send(transaction, skipPreflight=True))
    assert "Result Failed Error processing Instruction 0: custom program error: 0x1771" in text(markup)
    assert f'<span class="error">Program {PROGRAM} failed: custom program error: 0x1771</span>' in markup


def test_what_others_have_written_is_escaped(localnet: Localnet) -> None:
    payer = localnet.funded()
    note = Instruction(MEMO, b"<script>alert('&')</script>", [])
    markup = shown(localnet, localnet.send(signed(payer, [note], localnet.blockhash())))
    assert "<script" not in markup
    assert markup.count("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;") == 2  # the instruction, and its log


def test_an_address_shows_what_it_holds_and_did(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    localnet.give(payer.pubkey(), 1_500_000, "USDC")
    signature = localnet.send(payment(payer, to, SOL, localnet.blockhash()))
    page = text(address_page(localnet.node, payer.pubkey(), NAMES))
    account = associated_token_account(payer.pubkey(), TOKENS["USDC"].mint)
    for expected in ("Balance 8.999995 SOL", "Owner System program", f"USDC {account} 1.5", f"{signature} Success"):
        assert expected in page
    page = text(address_page(localnet.node, account, NAMES))
    for expected in ("Token USDC", "Amount 1.5", f"Holder {payer.pubkey()}", "Data 165 bytes"):
        assert expected in page
    page = text(address_page(localnet.node, TOKENS["USDC"].mint, NAMES))
    for expected in ("USDC mint", "Supply 1.5", f"May be minted by {localnet.node.faucet.address}"):
        assert expected in page
    assert "No account has this address now" in text(address_page(localnet.node, Pubkey.new_unique(), NAMES))


def test_the_first_page_shows_the_newest_transactions(localnet: Localnet) -> None:
    payer = localnet.funded()
    signatures = [localnet.send(payment(payer, MEMO, n, localnet.blockhash())) for n in (1, 2)]
    page = text(home_page(localnet.node))
    assert page.index(signatures[1]) < page.index(signatures[0])
    assert "Transactions 3" in page


def test_pools_and_their_vaults_have_names() -> None:
    pool = market_pools()[0]
    assert NAMES.get(pool.address) == "Raydium AMM v4 SOL/USDC pool"
    assert NAMES.get(pool.vaults[1]) == "Raydium AMM v4 SOL/USDC USDC vault"


def test_a_title_is_escaped() -> None:
    assert "<title>&lt;b&gt; · Localnet</title>" in page("<b>", html("{it}", it="&"))


def get(process: LocalnetProcess, path: str) -> tuple[int, str, str]:
    """The status, the URL after redirections, and the text."""
    try:
        with urllib.request.urlopen(process.url + path) as response:
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            return response.status, response.url.removeprefix(process.url), response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, path, error.read().decode()


def test_pages_are_found(process: LocalnetProcess) -> None:
    to = str(Pubkey.new_unique())
    signature = process("requestAirdrop", to, SOL)
    assert signature in get(process, "/")[2]
    assert "Faucet" in get(process, f"/tx/{signature}")[2]
    assert "1 SOL" in get(process, f"/address/{to}")[2]
    assert ":root" in get(process, "/explorer.css")[2]
    assert get(process, f"/search?q=+{signature}")[:2] == (200, f"/tx/{signature}")
    assert get(process, f"/search?q={to}")[:2] == (200, f"/address/{to}")


def test_pages_need_nothing_but_their_style(process: LocalnetProcess) -> None:
    page = get(process, "/")[2]
    assert re.findall(r"<(?:script|img|iframe)|style=|https?://", page) == []


@pytest.mark.parametrize("path", ["/tx/abc", f"/tx/{'1' * 64}", "/address/abc", "/search?q=abc", "/search", "/tx/"])
def test_what_is_not_there_is_not_found(process: LocalnetProcess, path: str) -> None:
    assert get(process, path)[0] == 404


def test_what_was_asked_for_is_escaped(process: LocalnetProcess) -> None:
    status, _, page = get(process, "/search?q=%3Cscript%3E")
    assert (status, "<script>" in page, "&lt;script&gt;" in page) == (404, False, True)
