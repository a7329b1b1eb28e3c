"""solders gives the same messages, addresses, signatures and instructions, for whatever they are made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from solders import compute_budget, system_program
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta as TheirMeta
from solders.instruction import Instruction as TheirInstruction
from solders.keypair import Keypair as TheirKeypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.token.associated import get_associated_token_address
from solders.token.state import TokenAccount as TheirTokenAccount
from solders.token.state import TokenAccountState
from solders.transaction import VersionedTransaction

from order_engine.solana import instructions, tokens
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import (
    SIGNATURE_BYTES,
    TOKEN,
    TOKEN_2022,
    Address,
    associated_token_account,
    create_program_address,
    decode,
    derived,
    encode,
    is_on_curve,
)
from order_engine.solana.instructions import AccountMeta, Instruction
from order_engine.solana.messages import LookupTable, compact_u16, compile_message, serialize, transaction_size
from order_engine.solana.signing import Keypair

KEYS = [bytes([number]) * 32 for number in range(24)]
P = 2**255 - 19

keys = st.sampled_from(KEYS)
any_key = st.binary(min_size=32, max_size=32)
u64 = st.integers(0, 2**64 - 1)
metas = st.builds(AccountMeta, keys, st.booleans(), st.booleans())
calls = st.builds(Instruction, keys, st.lists(metas, max_size=12).map(tuple), st.binary(max_size=200))
tables = st.builds(LookupTable, any_key, st.lists(keys | any_key, max_size=40).map(tuple))


def theirs(instruction: Instruction) -> TheirInstruction:
    accounts = [TheirMeta(Pubkey(address), signer, writable) for address, signer, writable in instruction.accounts]
    return TheirInstruction(Pubkey(instruction.program), instruction.data, accounts)


@given(keys, st.lists(calls, max_size=6), any_key, st.lists(tables, max_size=3, unique_by=lambda table: table.address))
def test_a_message_is_compiled_as_by_solders(
    payer: Address, instructions: list[Instruction], blockhash: bytes, tables: list[LookupTable]
) -> None:
    ours = compile_message(payer, instructions, blockhash, tables)
    accounts = [
        AddressLookupTableAccount(Pubkey(table.address), [Pubkey(each) for each in table.addresses]) for table in tables
    ]
    message = MessageV0.try_compile(Pubkey(payer), list(map(theirs, instructions)), accounts, Hash(blockhash))
    assert ours == to_bytes_versioned(message)
    signatures = [bytes([number]) * SIGNATURE_BYTES for number in range(message.header.num_required_signatures)]
    transaction = VersionedTransaction.populate(message, [Signature(signature) for signature in signatures])
    wire = serialize(signatures, ours)
    assert wire == bytes(transaction)
    assert len(wire) == transaction_size(ours)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=1232))
def test_a_message_is_signed_as_by_solders(seed: bytes, message: bytes) -> None:
    pair = TheirKeypair.from_seed(seed)
    ours = Keypair(bytes(pair))
    assert ours.address == bytes(pair.pubkey())
    assert ours.sign(message) == bytes(pair.sign_message(message))


@given(any_key, st.binary(min_size=64, max_size=64))
def test_base58_is_that_of_solders(key: bytes, signature: bytes) -> None:
    assert encode(key) == str(Pubkey(key))
    assert encode(signature) == str(Signature(signature))
    assert decode(encode(key)) == key
    assert decode(encode(signature), SIGNATURE_BYTES) == signature


edges = st.builds(
    lambda y, sign: ((P + y) % 2**255 | sign << 255).to_bytes(32, "little"), st.integers(-99, 99), st.integers(0, 1)
)


@given(any_key | edges)
def test_the_curve_is_that_of_solders(key: bytes) -> None:
    assert is_on_curve(key) is Pubkey(key).is_on_curve()


@given(any_key, st.lists(st.binary(max_size=32), max_size=15))
def test_addresses_are_derived_as_by_solders(program: Address, seeds: list[bytes]) -> None:
    found, bump = Pubkey.find_program_address(seeds, Pubkey(program))
    assert derived(program, *seeds) == bytes(found)
    assert create_program_address([*seeds, bytes([bump])], program) == bytes(found)


@given(any_key, any_key, st.sampled_from([TOKEN, TOKEN_2022]))
def test_associated_token_accounts_are_those_of_solders(owner: Address, mint: Address, program: Address) -> None:
    found = get_associated_token_address(Pubkey(owner), Pubkey(mint), Pubkey(program))
    assert associated_token_account(owner, mint, program) == bytes(found)


@given(keys, keys, keys, keys, st.text(max_size=8), u64, u64)
def test_instructions_are_those_of_solders(
    payer: Address, other: Address, base: Address, owner: Address, seed: str, lamports: int, space: int
) -> None:
    transfer = system_program.TransferParams(from_pubkey=Pubkey(payer), to_pubkey=Pubkey(other), lamports=lamports)
    assert theirs(instructions.transfer(payer, other, lamports)) == system_program.transfer(transfer)
    address = Pubkey.create_with_seed(Pubkey(base), seed, Pubkey(owner))
    assert instructions.address_with_seed(base, seed, owner) == bytes(address)
    creation = system_program.CreateAccountWithSeedParams(
        from_pubkey=Pubkey(payer), to_pubkey=address, base=Pubkey(base), seed=seed, lamports=lamports, space=space,
        owner=Pubkey(owner),
    )  # fmt: skip
    ours = instructions.create_account_with_seed(payer, base, seed, lamports, space, owner)
    assert theirs(ours) == system_program.create_account_with_seed(creation)


@given(st.integers(0, 2**32 - 1), u64)
def test_the_compute_budget_is_set_as_by_solders(units: int, price: int) -> None:
    assert theirs(instructions.compute_unit_limit(units)) == compute_budget.set_compute_unit_limit(units)
    assert theirs(instructions.compute_unit_price(price)) == compute_budget.set_compute_unit_price(price)


optional_key = st.none() | any_key.map(Pubkey)


@given(any_key, any_key, u64, optional_key, st.none() | u64, u64, optional_key)
def test_a_token_account_is_read_as_by_solders(
    mint: Address, owner: Address, amount: int, delegate: Pubkey | None, native: int | None, delegated: int,
    close_authority: Pubkey | None,
) -> None:  # fmt: skip
    state = TokenAccountState.Initialized
    account = TheirTokenAccount(
        Pubkey(mint), Pubkey(owner), amount, delegate, state, native, delegated, close_authority
    )
    assert tokens.token_account(Account(TOKEN, 1, bytes(account))) == (mint, owner, amount)


@given(st.integers(0, 2**16 - 1))
def test_a_length_is_seven_bits_a_byte_the_lowest_first(number: int) -> None:
    raw = compact_u16(number)
    assert sum((byte & 0x7F) << 7 * place for place, byte in enumerate(raw)) == number
    assert [byte >> 7 for byte in raw] == [1] * (len(raw) - 1) + [0]
    assert len(raw) == 1 or raw[-1]
