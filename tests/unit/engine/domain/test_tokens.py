"""Tokens without a symbol, by the addresses of their mints, and what their mints can do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from order_engine.domain.errors import RiskyMint
from order_engine.domain.tokens import (
    TOKENS,
    Mint,
    Token,
    TokenSource,
    connect,
    is_address,
    learn,
    token,
    tradable_token,
)

MINT = "7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs"
ELSEWHERE = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB264"


class Source(TokenSource):
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def stored(self, mint: str) -> Token | None:
        self.asked.append(f"stored {mint}")
        return Token(mint, 4) if mint in (MINT, ELSEWHERE) else None

    def listed(self, mint: str) -> Token:
        self.asked.append(f"listed {mint}")
        if mint != MINT:
            raise ValueError(f"expected a mint, was {mint}")
        return Token(mint, 4)


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    connect(lambda: source)
    yield source
    connect()


def test_a_token_with_a_symbol_asks_nobody(source: Source) -> None:
    for symbol, known in TOKENS.items():
        assert token(symbol) is known
        assert tradable_token(symbol) is known
    assert source.asked == []


def test_a_token_that_an_order_has_named_is_asked_for_once(source: Source) -> None:
    assert [token(MINT) for _ in range(3)] == [Token(MINT, 4)] * 3
    assert source.asked == [f"stored {MINT}"]


def test_what_a_process_has_learned_is_not_asked_for(source: Source) -> None:
    learn(Token(MINT, 2))
    assert token(MINT) == Token(MINT, 2)
    assert source.asked == []


def test_only_a_mint_of_the_market_can_be_traded(source: Source) -> None:
    """A mint that an order on another market has named is known, and can't be traded here."""
    learn(Token(MINT, 9))
    assert tradable_token(MINT) == token(MINT) == Token(MINT, 4)
    assert token(ELSEWHERE) == Token(ELSEWHERE, 4)
    with pytest.raises(ValueError, match=f"^expected a mint, was {ELSEWHERE}$"):
        tradable_token(ELSEWHERE)


@pytest.mark.parametrize("name", ["DOGE", "sol", "", "0" * 40, "7" * 45, "l" * 32])
def test_what_is_no_address_is_an_unknown_symbol(source: Source, name: str) -> None:
    assert not is_address(name)
    for find in (token, tradable_token):
        with pytest.raises(ValueError, match=f"^expected one of SOL, .*, was '{name}'$"):
            find(name)
    assert source.asked == []


def test_without_a_source_an_address_is_unknown() -> None:
    for find in (token, tradable_token):
        with pytest.raises(ValueError, match=f"^expected one of SOL, .*, was '{MINT}'$"):
            find(MINT)


@pytest.mark.parametrize(
    ("mint", "allowed"),
    [
        (Mint(Token(MINT, 6)), ""),
        (Mint(Token(MINT, 6), has_freeze_authority=True), "freeze_authority"),
        (Mint(Token(MINT, 6), extensions=("TransferHook",)), "extensions"),
        (Mint(Token(MINT, 6), True, ("TransferHook",)), "freeze_authority extensions"),
    ],
)
def test_a_mint_may_have_what_is_allowed(mint: Mint, allowed: str) -> None:
    mint.check(allow_freeze_authority="freeze_authority" in allowed, allow_extensions="extensions" in allowed)


def test_a_risky_mint_says_what_it_has_and_what_allows_it() -> None:
    mint = Mint(Token(MINT, 6), True, ("TransferHook", "MetadataPointer"))
    both = (
        f"expected {MINT} to be a mint that nobody can freeze and without extensions, was one with"
        " a freeze authority (allowFreezeAuthority accepts it)"
        " and the extensions TransferHook, MetadataPointer (allowExtensions accepts them)"
    )
    with pytest.raises(RiskyMint) as refused:
        mint.check(allow_freeze_authority=False, allow_extensions=False)
    assert str(refused.value) == both
    with pytest.raises(RiskyMint, match=r"was one with the extensions TransferHook"):
        mint.check(allow_freeze_authority=True, allow_extensions=False)
    with pytest.raises(RiskyMint, match=r"was one with a freeze authority \(allowFreezeAuthority accepts it\)$"):
        mint.check(allow_freeze_authority=False, allow_extensions=True)
