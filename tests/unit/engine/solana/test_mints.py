"""What the chain says of a mint."""

from __future__ import annotations

import pytest

from order_engine.domain.errors import NotAMint
from order_engine.domain.tokens import TOKENS, Mint, Token
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import SYSTEM, TOKEN, TOKEN_2022, WRAPPED_SOL, encode
from order_engine.solana.mints import SolanaMints
from tests.support.deployments import MAINNET
from tests.unit.engine.solana.ledger import Ledger
from tests.unit.engine.solana.test_tokens import extended, mint_data

KEY = bytes([5] * 32)
MINT = encode(KEY)


def facts(account: Account | None, mint: str = MINT) -> Mint:
    return SolanaMints(Ledger({KEY: account}), MAINNET).facts(mint)


def test_a_mint_goes_by_its_address() -> None:
    assert facts(Account(TOKEN, 1, mint_data(decimals=4))) == Mint(Token(MINT, 4))


def test_its_freeze_authority_its_program_and_its_extensions_are_told() -> None:
    data = extended(mint_data(freeze=1, decimals=2), 1, (1, bytes(108)), (18, bytes(64)))
    token = Token(MINT, 2, encode(TOKEN_2022))
    assert facts(Account(TOKEN_2022, 1, data)) == Mint(token, True, ("TransferFeeConfig", "MetadataPointer"))


@pytest.mark.parametrize("symbol", ["SOL", "USDC", "BONK"])
def test_the_mint_of_a_token_with_a_symbol_has_that_symbol(symbol: str) -> None:
    """Wrapped SOL, which wallets take for SOL, stands for SOL."""
    key = WRAPPED_SOL if symbol == "SOL" else MAINNET.mint(symbol)
    decimals = TOKENS[symbol].decimals
    ledger = Ledger({key: Account(TOKEN, 1, mint_data(decimals=decimals))})
    assert SolanaMints(ledger, MAINNET).facts(encode(key)) == Mint(TOKENS[symbol])


@pytest.mark.parametrize(
    ("account", "complaint"),
    [
        (None, "expected a mint, was no account"),
        (Account(SYSTEM, 1, b""), f"expected a mint, owned by a token program, was owned by {encode(SYSTEM)}"),
        (Account(TOKEN, 1, bytes(165)), "expected a mint of 82 bytes, was 165 bytes"),
    ],
)
def test_another_account_is_no_mint(account: Account | None, complaint: str) -> None:
    with pytest.raises(NotAMint, match=f"^{MINT}: {complaint}$"):
        facts(account)


@pytest.mark.parametrize("text", ["1" * 33, "z" * 44, "2" * 32])
def test_text_that_is_no_address_is_no_mint(text: str) -> None:
    with pytest.raises(NotAMint, match="^expected the address of a mint: expected base58 of 32 bytes"):
        facts(None, text)
