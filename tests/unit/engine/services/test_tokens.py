"""Tokens without a symbol are read on chain once, and kept."""

from __future__ import annotations

import pytest

from order_engine.domain.errors import NotAMint, VenueUnavailable
from order_engine.domain.tokens import TOKENS, Mint, Token
from order_engine.services.tokens import Tokens

TOKEN = Token("mint", 4, "program")


class Chain:
    """A `Mints`. Counts how often it is asked."""

    def __init__(self) -> None:
        self.tokens = {"mint": TOKEN, "the mint of USDC": TOKENS["USDC"]}
        self.asked: list[str] = []
        self.is_down = False

    def facts(self, mint: str) -> Mint:
        self.asked.append(mint)
        if self.is_down:
            raise VenueUnavailable("no node answers")
        if mint not in self.tokens:
            raise NotAMint(f"expected a mint, was {mint}")
        return Mint(self.tokens[mint])


class Store:
    """A `TokenStore`, with tokens of this market and of another one."""

    def __init__(self, **elsewhere: Token) -> None:
        self.here: dict[str, Token] = {}
        self.elsewhere = elsewhere

    def get(self, mint: str, *, here: bool) -> Token | None:
        return self.here.get(mint) or (None if here else self.elsewhere.get(mint))

    def all(self, limit: int) -> list[Token]:
        return [*self.here.values()][:limit]

    def add(self, token: Token) -> None:
        self.here[token.symbol] = token


def test_a_mint_is_read_on_chain_once_and_kept_for_every_process() -> None:
    chain, store = Chain(), Store()
    for tokens in (Tokens(store, chain), Tokens(store, chain)):
        assert [tokens.listed("mint") for _ in range(2)] == [TOKEN] * 2
        assert tokens.stored("mint") == TOKEN
    assert chain.asked == ["mint"]


def test_what_a_mint_is_elsewhere_does_not_count_here() -> None:
    tokens = Tokens(Store(mint=TOKEN._replace(decimals=9)), Chain())
    stored = tokens.stored("mint")
    assert stored is not None
    assert stored.decimals == 9
    assert tokens.listed("mint") == TOKEN
    assert tokens.stored("mint") == TOKEN


def test_the_mint_of_a_token_with_a_symbol_has_that_symbol() -> None:
    store = Store()
    assert Tokens(store, Chain()).listed("the mint of USDC") == TOKENS["USDC"]
    assert store.here == {}


def test_what_is_no_mint_is_refused_and_not_kept() -> None:
    chain, store = Chain(), Store()
    tokens = Tokens(store, chain)
    for _ in range(2):
        with pytest.raises(ValueError, match="^expected a mint, was other$"):
            tokens.listed("other")
    assert (len(chain.asked), store.here) == (2, {})


def test_a_chain_that_does_not_answer_is_asked_again() -> None:
    chain = Chain()
    tokens = Tokens(Store(), chain)
    chain.is_down = True
    with pytest.raises(VenueUnavailable):
        tokens.listed("mint")
    chain.is_down = False
    assert tokens.listed("mint") == TOKEN
