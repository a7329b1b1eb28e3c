"""The token programs, in LiteSVM, do what the engine's instructions say and store what the engine reads."""

from __future__ import annotations

import pytest
from solders.keypair import Keypair as TheirKeypair
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import TransactionMetadata

from order_engine.domain.errors import UnsupportedPool
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import (
    TOKEN,
    TOKEN_2022,
    WRAPPED_SOL,
    Address,
    associated_token_account,
)
from order_engine.solana.instructions import (
    AccountMeta,
    Instruction,
    address_with_seed,
    compute_unit_limit,
    compute_unit_price,
    create_account_with_seed,
    memo,
    transfer,
)
from order_engine.solana.messages import compile_message, serialize
from order_engine.solana.signing import Keypair
from order_engine.solana.tokens import (
    TOKEN_ACCOUNT_BYTES,
    Mint,
    TokenAccount,
    close_account,
    create_associated,
    initialize_account3,
    mint,
    token_account,
)

FUNDS = 10**12

# Instructions of Token-2022 that initialize an extension.
METADATA_POINTER = b"\x27\x00" + bytes(32) + b"\x05" * 32
CLOSE_AUTHORITY = b"\x19\x00"
TRANSFER_FEE = b"\x1a\x00\x00\x00" + (100).to_bytes(2, "little") + (10**6).to_bytes(8, "little")
PERMANENT_DELEGATE = b"\x23" + b"\x05" * 32


class Chain:
    """A chain with one wallet."""

    def __init__(self) -> None:
        self._svm = LiteSVM()
        self._wallet = Keypair(bytes(TheirKeypair.from_seed(bytes(32))))
        self.wallet = self._wallet.address
        self._svm.airdrop(Pubkey(self.wallet), FUNDS)

    def run(self, *instructions: Instruction) -> TransactionMetadata:
        blockhash = bytes(self._svm.latest_blockhash())
        message = compile_message(self.wallet, instructions, blockhash)
        wire = serialize([self._wallet.sign(message)], message)
        done = self._svm.send_transaction(VersionedTransaction.from_bytes(wire))
        assert isinstance(done, TransactionMetadata), done
        self._svm.expire_blockhash()
        return done

    def account(self, address: Address) -> Account | None:
        found = self._svm.get_account(Pubkey(address))
        return Account(bytes(found.owner), found.lamports, bytes(found.data)) if found else None

    def lamports(self, address: Address) -> int:
        found = self.account(address)
        return found.lamports if found else 0

    def rent(self, size: int) -> int:
        return self._svm.minimum_balance_for_rent_exemption(size)

    def create(self, seed: str, size: int, program: Address) -> tuple[Address, Instruction]:
        creation = create_account_with_seed(self.wallet, self.wallet, seed, self.rent(size), size, program)
        return address_with_seed(self.wallet, seed, program), creation

    def mint(self, program: Address, size: int, *extensions: bytes) -> Address:
        """Creates a mint with room for its extensions, which are initialized before it."""
        address, creation = self.create("mint", size, program)
        initialize = b"\x14\x06" + self.wallet + b"\x01" + self.wallet
        accounts = (AccountMeta(address, writable=True),)
        self.run(creation, *(Instruction(program, accounts, data) for data in (*extensions, initialize)))
        return address


@pytest.fixture
def chain() -> Chain:
    return Chain()


def test_sol_is_wrapped_in_an_account_of_its_own_and_unwrapped(chain: Chain) -> None:
    seed, rent, amount, space = "f" * 32, chain.rent(TOKEN_ACCOUNT_BYTES), 10**9, TOKEN_ACCOUNT_BYTES
    wrapped = address_with_seed(chain.wallet, seed, TOKEN)
    chain.run(
        compute_unit_limit(50_000),
        compute_unit_price(1_000_000),
        create_account_with_seed(chain.wallet, chain.wallet, seed, rent + amount, space, TOKEN),
        initialize_account3(wrapped, WRAPPED_SOL, chain.wallet),
    )
    assert token_account(chain.account(wrapped)) == TokenAccount(WRAPPED_SOL, chain.wallet, amount)
    fees = 5_000 + 50_000
    assert chain.lamports(chain.wallet) == FUNDS - fees - rent - amount
    chain.run(close_account(wrapped, chain.wallet, chain.wallet))
    assert chain.account(wrapped) is None
    assert chain.lamports(chain.wallet) == FUNDS - fees - 5_000


@pytest.mark.parametrize(("program", "size"), [(TOKEN, 165), (TOKEN_2022, 170)])
def test_an_associated_token_account_is_created_once(chain: Chain, program: Address, size: int) -> None:
    token, owner = chain.mint(program, 82), b"\x07" * 32
    before = chain.lamports(chain.wallet)
    for _ in range(2):
        chain.run(create_associated(chain.wallet, owner, token, program))
        created = chain.account(associated_token_account(owner, token, program))
        assert token_account(created) == TokenAccount(token, owner, 0)
    assert chain.lamports(chain.wallet) == before - 2 * 5_000 - chain.rent(size)


def test_lamports_are_moved_and_a_memo_is_logged(chain: Chain) -> None:
    done = chain.run(transfer(chain.wallet, b"\x07" * 32, 10**9), memo("an order"))
    assert "an order" in str(done.logs())
    assert chain.lamports(b"\x07" * 32) == 10**9


@pytest.mark.parametrize("program", [TOKEN, TOKEN_2022])
def test_a_frozen_account_is_refused(chain: Chain, program: Address) -> None:
    token = chain.mint(program, 82)
    assert mint(chain.account(token)) == Mint(program, 6, True, ())
    address, creation = chain.create("account", TOKEN_ACCOUNT_BYTES, program)
    accounts = AccountMeta(address, writable=True), AccountMeta(token), AccountMeta(chain.wallet, signer=True)
    freeze = Instruction(program, accounts, b"\x0a")
    chain.run(creation, initialize_account3(address, token, chain.wallet, program))
    assert token_account(chain.account(address)) == TokenAccount(token, chain.wallet, 0)
    chain.run(freeze)
    with pytest.raises(UnsupportedPool, match="was a frozen one"):
        token_account(chain.account(address))


def test_a_mint_that_points_at_its_name_is_read(chain: Chain) -> None:
    token = chain.mint(TOKEN_2022, 166 + 4 + 64, METADATA_POINTER)
    assert mint(chain.account(token)) == Mint(TOKEN_2022, 6, True, ("MetadataPointer",))


@pytest.mark.parametrize(
    ("size", "initialize", "name"),
    [
        (108, TRANSFER_FEE, "TransferFeeConfig"),
        (32, CLOSE_AUTHORITY, "MintCloseAuthority"),
        (32, PERMANENT_DELEGATE, "PermanentDelegate"),
    ],
    ids=["fee", "close authority", "delegate"],
)
def test_a_mint_that_changes_transfers_is_refused(chain: Chain, size: int, initialize: bytes, name: str) -> None:
    token = chain.mint(TOKEN_2022, 166 + 4 + 64 + 4 + size, METADATA_POINTER, initialize)
    with pytest.raises(UnsupportedPool, match=f"was one with {name}$"):
        mint(chain.account(token))
