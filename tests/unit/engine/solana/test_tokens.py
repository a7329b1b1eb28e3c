from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Callable, Iterator

import pytest

from order_engine.domain.errors import CorruptPool, UnsupportedPool
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import SYSTEM, TOKEN, TOKEN_2022, Address, address, encode
from order_engine.solana.tokens import Mint, TokenAccount, any_mint, mint, token_account
from tests.unit.engine.solana.transaction_vectors import DOCUMENTS, Row

MINT, OWNER = b"\x01" * 32, b"\x02" * 32


def token_data(
    state: int = 1, delegate: int = 0, native: int = 0, close_authority: int = 0, amount: int = 2**64 - 1
) -> bytes:
    return struct.pack(
        "<32s32sQI32sBIQQI32s", MINT, OWNER, amount, delegate, b"", state, native, 0, 0, close_authority, b""
    )


def mint_data(initialized: int = 1, authority: int = 0, freeze: int = 0, decimals: int = 9) -> bytes:
    return struct.pack("<I32sQBBI32s", authority, b"", 1000, decimals, initialized, freeze, b"")


def extended(data: bytes, account_type: int, *extensions: tuple[int, bytes]) -> bytes:
    """An account of Token-2022 with extensions."""
    records = (struct.pack("<HH", number, len(value)) + value for number, value in extensions)
    return data.ljust(165, b"\0") + bytes([account_type]) + b"".join(records)


def recorded(*roles: str) -> Iterator[tuple[Row, Account]]:
    """The accounts of these roles around the pools of the vectors."""
    for document in DOCUMENTS.values():
        for pool in document.get("pools", []):
            for row in (*pool["accounts"], *pool["wallet_accounts"]):
                if row["role"] in roles:
                    yield row, Account(address(row["owner"]), row["lamports"], b64decode(row["data"]))


def test_the_token_accounts_of_the_vectors_are_read() -> None:
    accounts = list(recorded("vault_a", "vault_b", "wallet_token"))
    assert len(accounts) > 50
    for row, account in accounts:
        layout = struct.unpack_from("<32s32sQ", account.data)
        assert token_account(account) == layout, row["address"]


def test_the_mints_of_the_vectors_are_read() -> None:
    mints = list(recorded("mint_a", "mint_b"))
    assert {account.owner for _, account in mints} == {TOKEN, TOKEN_2022}
    for row, account in mints:
        found = mint(account)
        freezes = int.from_bytes(account.data[46:50], "little") == 1
        assert found[:3] == (account.owner, account.data[44], freezes), row["address"]
        assert bool(found.extensions) == (len(account.data) > 82)


@pytest.mark.parametrize("data", [token_data(), token_data(delegate=1, native=1, close_authority=1)])
@pytest.mark.parametrize("owner", [TOKEN, TOKEN_2022])
def test_a_token_account_is_read(owner: Address, data: bytes) -> None:
    assert token_account(Account(owner, 1, data)) == TokenAccount(MINT, OWNER, 2**64 - 1)


def test_an_account_whose_owner_can_not_change_is_read() -> None:
    data = extended(token_data(), 2, (7, b""))
    assert len(data) == 170
    assert token_account(Account(TOKEN_2022, 1, data)) == TokenAccount(MINT, OWNER, 2**64 - 1)


def test_a_mint_that_carries_its_name_is_read() -> None:
    data = extended(mint_data(), 1, (18, bytes(64)), (19, b"name" * 40), (0, b""))
    assert mint(Account(TOKEN_2022, 1, data)) == Mint(TOKEN_2022, 9, False, ("MetadataPointer", "TokenMetadata"))


@pytest.mark.parametrize("freezes", [True, False])
def test_a_mint_says_whether_its_accounts_can_be_frozen(freezes: bool) -> None:
    assert mint(Account(TOKEN, 1, mint_data(freeze=int(freezes)))) == Mint(TOKEN, 9, freezes, ())


def test_any_mint_is_read_with_the_names_of_its_extensions() -> None:
    data = extended(mint_data(freeze=1), 1, (14, bytes(64)), (29, bytes(8)))
    assert any_mint(Account(TOKEN_2022, 1, data)) == Mint(TOKEN_2022, 9, True, ("TransferHook", "extension 29"))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "of 165 bytes, was 0 bytes"),
        (token_data()[:-1], "of 165 bytes, was 164 bytes"),
        (token_data() + b"\x02", "of 165 bytes, was 166 bytes"),
        (mint_data(), "of 165 bytes, was 82 bytes"),
        (token_data(state=0), "expected an initialized token account, was one of state 0"),
        (token_data(state=3), "expected an initialized token account, was one of state 3"),
        (token_data(delegate=2), "expected an initialized token account"),
        (token_data(native=2**31), "expected an initialized token account"),
        (token_data(close_authority=2), "expected an initialized token account"),
    ],
)
def test_an_account_that_is_no_token_account_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(CorruptPool, match=complaint):
        token_account(Account(TOKEN, 1, data))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "of 82 bytes, was 0 bytes"),
        (mint_data()[:-1], "of 82 bytes, was 81 bytes"),
        (token_data(), "of 82 bytes, was 165 bytes"),
        (mint_data(initialized=0), "expected an initialized mint"),
        (mint_data(initialized=2), "expected an initialized mint"),
        (mint_data(authority=2), "expected an initialized mint"),
        (mint_data(freeze=256), "expected an initialized mint"),
    ],
)
def test_an_account_that_is_no_mint_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(CorruptPool, match=complaint):
        mint(Account(TOKEN, 1, data))


@pytest.mark.parametrize(
    "data",
    [
        extended(token_data(), 1),
        extended(token_data(), 0),
        extended(token_data(), 2).ljust(355, b"\0"),
        extended(token_data(), 2, (7, b"")) + b"\x07",
        extended(token_data(), 2) + struct.pack("<HH", 7, 1),
        extended(token_data(), 2) + struct.pack("<HH", 7, 65535),
    ],
)
def test_an_account_whose_extensions_can_not_be_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptPool, match="expected a token account"):
        token_account(Account(TOKEN_2022, 1, data))


def test_a_mint_of_token_2022_that_is_filled_with_something_is_refused() -> None:
    with pytest.raises(CorruptPool, match="expected a mint of 82 bytes, was 166 bytes"):
        mint(Account(TOKEN_2022, 1, extended(mint_data() + b"\x01", 1)))


@pytest.mark.parametrize("read", [token_account, mint])
def test_an_account_of_another_program_is_refused(read: Callable[[Account | None], object]) -> None:
    with pytest.raises(CorruptPool, match=f"owned by a token program, was owned by {encode(SYSTEM)}"):
        read(Account(SYSTEM, 1, token_data()))
    with pytest.raises(CorruptPool, match="was no account"):
        read(None)


def test_a_frozen_account_is_refused() -> None:
    with pytest.raises(UnsupportedPool, match="expected a token account that can be used, was a frozen one"):
        token_account(Account(TOKEN, 1, token_data(state=2)))


@pytest.mark.parametrize(
    ("number", "size", "name"),
    [
        (1, 108, "TransferFeeConfig"),
        (3, 32, "MintCloseAuthority"),
        (6, 1, "DefaultAccountState"),
        (9, 0, "NonTransferable"),
        (10, 52, "InterestBearingConfig"),
        (12, 32, "PermanentDelegate"),
        (14, 64, "TransferHook"),
        (25, 56, "ScaledUiAmount"),
        (26, 33, "Pausable"),
        (28, 32, "PermissionedBurn"),
        (29, 8, "extension 29"),
        (65535, 0, "extension 65535"),
    ],
)
def test_a_mint_with_an_extension_that_changes_transfers_is_refused(number: int, size: int, name: str) -> None:
    data = extended(mint_data(), 1, (18, bytes(64)), (number, bytes(size)))
    with pytest.raises(UnsupportedPool, match=f"without extensions that change transfers, was one with {name}$"):
        mint(Account(TOKEN_2022, 1, data))


@pytest.mark.parametrize(
    ("number", "size", "name"), [(2, 8, "TransferFeeAmount"), (8, 1, "MemoTransfer"), (11, 1, "CpiGuard")]
)
def test_an_account_with_an_extension_that_changes_transfers_is_refused(number: int, size: int, name: str) -> None:
    data = extended(token_data(), 2, (7, b""), (number, bytes(size)))
    with pytest.raises(UnsupportedPool, match=f"was one with {name}$"):
        token_account(Account(TOKEN_2022, 1, data))


def test_the_original_program_has_no_extensions() -> None:
    with pytest.raises(CorruptPool, match="of 165 bytes, was 170 bytes"):
        token_account(Account(TOKEN, 1, extended(token_data(), 2, (7, b""))))
