from __future__ import annotations

import pytest

from order_engine.solana.addresses import (
    ADDRESS_BYTES,
    address,
    associated_token_account,
    create_program_address,
    decode,
    derived,
    encode,
)
from tests.unit.engine.solana.transaction_vectors import Row, each_row


@each_row("base58")
def test_base58_is_that_of_the_vectors(row: Row) -> None:
    raw = bytes.fromhex(row["bytes"])
    assert encode(raw) == row["text"]
    assert decode(row["text"], len(raw)) == raw


@each_row("public_key_texts")
def test_only_the_text_of_a_public_key_is_an_address(row: Row) -> None:
    if row["public_key"]:
        assert encode(address(row["text"])) == row["text"]
    else:
        with pytest.raises(ValueError, match="expected base58"):
            address(row["text"])


def test_a_long_text_is_refused_without_being_decoded() -> None:
    with pytest.raises(ValueError, match="of 10000000 characters"):
        decode("2" * 10_000_000)


@each_row("program_addresses")
def test_a_derived_address_has_the_highest_bump_off_the_curve(row: Row) -> None:
    program, seeds = address(row["program"]), [bytes.fromhex(seed) for seed in row["seeds"]]
    assert encode(derived(program, *seeds)) == row["address"]
    found = {bump: create_program_address([*seeds, bytes([bump])], program) for bump in range(row["bump"], 256)}
    assert {bump: encode(found) for bump, found in found.items() if found} == {row["bump"]: row["address"]}


@each_row("create_program_address")
def test_seeds_whose_hash_is_on_the_curve_have_no_address(row: Row) -> None:
    found = create_program_address([bytes.fromhex(seed) for seed in row["seeds"]], address(row["program"]))
    assert (found and encode(found)) == row["address"]


@each_row("associated_token_accounts")
def test_an_associated_token_account_is_that_of_its_token_program(row: Row) -> None:
    found = associated_token_account(address(row["owner"]), address(row["mint"]), address(row["token_program"]))
    assert encode(found) == row["address"]


def test_every_zero_byte_in_front_is_a_digit() -> None:
    for zeros in range(ADDRESS_BYTES + 1):
        raw = bytes(zeros) + b"\xff" * (ADDRESS_BYTES - zeros)
        assert encode(raw).startswith("1" * zeros)
        assert decode(encode(raw)) == raw
