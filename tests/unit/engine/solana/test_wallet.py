from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from typing import Any

import pytest

from order_engine.domain.errors import InsufficientFunds
from order_engine.domain.tokens import TOKENS, Token, token
from order_engine.solana.addresses import SYSTEM, TOKEN, TOKEN_2022, Address, associated_token_account, encode
from order_engine.solana.nodes import Nodes
from order_engine.solana.rpc import Rpc
from order_engine.solana.wallet import SolanaWallet
from tests.support.deployments import DEVNET, MAINNET
from tests.support.solana_node import FakeNode, Refusal

WALLET = bytes([9] * 32)
RENT = 2_039_280
FROZEN = 2


def account(owner: Address, lamports: int, data: bytes = b"") -> dict[str, Any]:
    return {"owner": encode(owner), "lamports": lamports, "data": [b64encode(data).decode(), "base64"]}


def holding(symbol: str, amount: int, state: int = 1) -> dict[str, Any]:
    data = struct.pack("<32s32sQ36xB12x8x4x32x", MAINNET.mint(symbol), WALLET, amount, state)
    return account(TOKEN, RENT, data.ljust(165, b"\0"))


@pytest.fixture
def accounts(node: FakeNode) -> dict[str, dict[str, Any]]:
    """The accounts on chain, by address."""
    found: dict[str, dict[str, Any]] = {}
    node.results["getMinimumBalanceForRentExemption"] = RENT
    node.results["getMultipleAccounts"] = lambda keys, options: {
        "context": {"slot": 7},
        "value": [found.get(key) for key in keys],
    }
    node.results["getTokenAccountsByOwner"] = lambda owner, wanted, options: {
        "context": {"slot": 7},
        "value": [
            {"pubkey": key, "account": held}
            for key, held in found.items()
            if held["owner"] == wanted["programId"] and len(b64decode(held["data"][0])) >= 165
        ],
    }
    return found


@pytest.fixture
def wallet(node: FakeNode) -> SolanaWallet:
    return SolanaWallet(Rpc(Nodes(node.url)), MAINNET, WALLET)


def token_address(symbol: str) -> str:
    return encode(associated_token_account(WALLET, MAINNET.mint(symbol)))


def test_the_balances_of_all_known_tokens_are_one_call(
    node: FakeNode, accounts: dict[str, Any], wallet: SolanaWallet
) -> None:
    accounts[wallet.address] = account(SYSTEM, 5_000_000_000)
    accounts[token_address("USDC")] = holding("USDC", 7_000_000)
    accounts[token_address("wSOL")] = holding("wSOL", 3)
    expected = {**dict.fromkeys(TOKENS, 0), "SOL": 5_000_000_000, "USDC": 7_000_000, "wSOL": 3}
    assert wallet.balances() == expected
    assert len(node.called("getMultipleAccounts")) == 1


def test_balances_are_those_of_the_clusters_tokens(node: FakeNode, accounts: dict[str, Any]) -> None:
    wallet = SolanaWallet(Rpc(Nodes(node.url)), DEVNET, WALLET)
    account_of_usdc = encode(associated_token_account(WALLET, DEVNET.mint("USDC")))
    accounts[account_of_usdc] = holding("USDC", 7_000_000)
    assert wallet.balances() == {"SOL": 0, "wSOL": 0, "USDC": 7_000_000}


def test_an_empty_wallet(accounts: dict[str, Any], wallet: SolanaWallet) -> None:
    assert wallet.balances() == dict.fromkeys(TOKENS, 0)


def test_what_cannot_be_spent_is_not_held(accounts: dict[str, Any], wallet: SolanaWallet) -> None:
    accounts[token_address("USDC")] = holding("USDC", 7, FROZEN)
    accounts[token_address("USDT")] = account(SYSTEM, 1)
    assert wallet.balances() == dict.fromkeys(TOKENS, 0)


MINT = bytes([8] * 32)


def held_without_symbol(program: Address, amount: int, at: Address | None = None) -> dict[str, Any]:
    """A mint, and what the wallet holds of its token."""
    key = at or associated_token_account(WALLET, MINT, program)
    data = struct.pack("<32s32sQ36xB12x8x4x32x", MINT, WALLET, amount, 1)
    return {
        encode(key): account(program, RENT, data.ljust(165, b"\0")),
        encode(MINT): account(program, 1, struct.pack("<36xQBB36x", 1000, 4, 1)),
    }


@pytest.mark.parametrize("program", [TOKEN, TOKEN_2022])
def test_a_token_without_a_symbol_is_held_by_its_mint(
    accounts: dict[str, Any], wallet: SolanaWallet, program: Address
) -> None:
    accounts |= held_without_symbol(program, 12_345)
    assert wallet.balances() == {**dict.fromkeys(TOKENS, 0), encode(MINT): 12_345}
    assert token(encode(MINT)) == Token(encode(MINT), 4, encode(program))
    accounts[wallet.address] = account(SYSTEM, 5_000)
    wallet.check(encode(MINT), 12_345)
    with pytest.raises(InsufficientFunds, match=rf"expected at least 1.2346 {encode(MINT)} in the wallet, was 1.2345"):
        wallet.check(encode(MINT), 12_346)


@pytest.mark.parametrize("held", [held_without_symbol(TOKEN, 0), held_without_symbol(TOKEN, 7, at=bytes([7] * 32))])
def test_only_what_is_in_an_account_that_swaps_use_is_held(
    accounts: dict[str, Any], wallet: SolanaWallet, held: dict[str, Any]
) -> None:
    accounts |= held
    assert wallet.balances() == dict.fromkeys(TOKENS, 0)


def test_a_node_that_lists_no_accounts_tells_of_tokens_with_a_symbol(
    node: FakeNode, accounts: dict[str, Any], wallet: SolanaWallet
) -> None:
    def refuse(*parameters: Any) -> None:
        raise Refusal(-32601, "method not found")

    accounts |= held_without_symbol(TOKEN, 7)
    node.results["getTokenAccountsByOwner"] = refuse
    assert wallet.balances() == dict.fromkeys(TOKENS, 0)


@pytest.mark.parametrize("symbol", ["USDC", "wSOL"])
def test_a_token_must_be_there_and_the_fee_in_sol(accounts: dict[str, Any], wallet: SolanaWallet, symbol: str) -> None:
    accounts[wallet.address] = account(SYSTEM, 5_000)
    accounts[token_address(symbol)] = holding(symbol, 1_000)
    wallet.check(symbol, 1_000)
    with pytest.raises(InsufficientFunds, match=rf"expected at least .*1001 {symbol} in the wallet, was .*1 {symbol}"):
        wallet.check(symbol, 1_001)
    accounts[wallet.address] = account(SYSTEM, 4_999)
    with pytest.raises(InsufficientFunds, match="expected at least 0.000005 SOL in the wallet, was 0.000004999 SOL"):
        wallet.check(symbol, 1_000)


def test_native_sol_pays_the_rent_of_its_account_and_the_fee_too(
    accounts: dict[str, Any], wallet: SolanaWallet
) -> None:
    accounts[wallet.address] = account(SYSTEM, 1_002_044_280)
    wallet.check("SOL", 1_000_000_000)
    with pytest.raises(InsufficientFunds, match="expected at least 1.002044281 SOL in the wallet, was 1.00204428 SOL"):
        wallet.check("SOL", 1_000_000_001)


def test_a_wallet_that_does_not_exist_pays_for_nothing(accounts: dict[str, Any], wallet: SolanaWallet) -> None:
    with pytest.raises(InsufficientFunds, match="was 0 SOL"):
        wallet.check("SOL", 1)
