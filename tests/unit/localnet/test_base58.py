"""Base58, held against solders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from localnet import base58


@given(st.binary(max_size=80))
def test_bytes_survive(raw: bytes) -> None:
    assert base58.decode(base58.encode(raw)) == raw


@given(st.binary(min_size=32, max_size=32))
def test_addresses_read_as_solders_writes_them(raw: bytes) -> None:
    assert base58.encode(raw) == str(Pubkey(raw))


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "a b", "é"])
def test_other_characters_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid base58 character"):
        base58.decode(text)
