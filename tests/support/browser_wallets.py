"""Wallets in the browser, by the Wallet Standard, with keys that the test has made."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from solders.keypair import Keypair

SCRIPT = Path(__file__).with_name("browser_wallet.js")
SIGNATURE = slice(1, 65)
"""Of a transaction with one signature."""

CHAINS = ("solana:mainnet", "solana:devnet", "solana:testnet", "solana:localnet")


@dataclass
class BrowserWallet:
    """A wallet with one account. It does what it is asked, without a word to the user.

    It refuses what it is asked for with the text in `refusals`, by `connect` and `sign`. After so many `answers` it
    gives no more. `signed` holds the chain and the message of each transaction that it was to sign.
    """

    name: str = "Test Wallet"
    chains: Sequence[str] = CHAINS
    versions: Sequence[str | int] = ("legacy", 0)
    key: Keypair = field(default_factory=Keypair)
    refusals: dict[str, str] = field(default_factory=dict)
    answers: int = 1_000
    trusts: bool = False
    """Whether it shares its account without asking the user: it was connected before."""
    signed: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.key.pubkey())

    @property
    def script(self) -> str:
        about = {"name": self.name, "chains": [*self.chains], "versions": [*self.versions]}
        return SCRIPT.read_text().replace("PLACE", json.dumps(about))

    def change(self, page: Page, *keys: Keypair) -> None:
        """Has it share the accounts of these keys from now on; the first is its own."""
        self.key = keys[0] if keys else self.key
        accounts = [_account(key) for key in keys]
        page.evaluate(
            "([name, detail]) => dispatchEvent(new CustomEvent(name, {detail}))", [f"test-wallet:{self.name}", accounts]
        )

    def answer(self, what: str, asked: Any) -> dict[str, Any]:
        if what == "sign":
            self.signed.append((asked["chain"], b64decode(asked["transaction"])[SIGNATURE.stop :]))
        if not self.answers:
            return {"silence": True}
        self.answers -= 1
        if what in self.refusals:
            return {"refusal": self.refusals[what]}
        if what == "connect":
            self.trusts = self.trusts or not asked
            return {"answer": [_account(self.key)] if self.trusts else []}
        if what == "sign":
            assert asked["address"] == self.address
            return {"answer": self.sign(asked["transaction"])}
        self.trusts = False
        return {}

    def sign(self, transaction: str) -> str:
        raw = bytearray(b64decode(transaction))
        raw[SIGNATURE] = bytes(self.key.sign_message(bytes(raw[SIGNATURE.stop :])))
        return b64encode(raw).decode()


def install(page: Page, *wallets: BrowserWallet) -> None:
    """Has the wallets register with the page from its next load on."""
    named = {wallet.name: wallet for wallet in wallets}
    page.expose_function("testWallet", lambda name, what, asked=None: named[name].answer(what, asked))
    for wallet in wallets:
        page.add_init_script(wallet.script)


def _account(key: Keypair) -> dict[str, str]:
    return {"address": str(key.pubkey()), "publicKey": b64encode(bytes(key.pubkey())).decode()}
