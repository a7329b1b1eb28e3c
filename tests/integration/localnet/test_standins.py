"""A stand-in's instruction in a transaction: exact to the unit, undone as a whole, and told as the program's own."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from localnet import base58
from localnet.addresses import LOOKUP_TABLES, TOKEN
from localnet.market.accounts import token_account
from localnet.market.tokens import TOKENS
from localnet.standin_run import STANDIN_UNITS
from localnet.tokens import associated_token_account
from tests.integration.localnet.desk import AUTHORITY, CLOSED, HELD, PROGRAM, STARTED, Desk, trade
from tests.support.localnet import FEE, SOL, refused, signed, token_payment, wire

START = 1_000_000
UNITS_IN, UNITS_OUT = 105, 113
"""The compute units of the two transfers of a trade."""
TRADE_UNITS = STANDIN_UNITS + UNITS_IN + UNITS_OUT


@pytest.fixture
def desk() -> Desk:
    return Desk.opened()


@pytest.fixture
def trader(desk: Desk) -> Keypair:
    """Has USDC, and an account for RAY."""
    keypair = desk.localnet.funded()
    desk.localnet.give(keypair.pubkey(), START, "USDC")
    desk.localnet.give(keypair.pubkey(), 1, "RAY")
    return keypair


def send(desk: Desk, trader: Keypair, *instructions: Instruction, signers: tuple[Keypair, ...] = ()) -> dict[str, Any]:
    """What getTransaction says of a transaction, which may have failed."""
    localnet = desk.localnet
    transaction = signed(trader, instructions, localnet.blockhash(), *signers)
    told: dict[str, Any] = localnet.transaction(localnet.send(transaction, skipPreflight=True))
    return told


def balances(desk: Desk, trader: Keypair) -> tuple[int, int]:
    """The trader's USDC and RAY, in base units."""
    return desk.localnet.tokens(trader.pubkey(), "USDC"), desk.localnet.tokens(trader.pubkey(), "RAY")


def test_a_trade_moves_tokens_both_ways_and_writes_the_state(desk: Desk, trader: Keypair) -> None:
    assert send(desk, trader, trade(trader, 300, 700))["meta"]["err"] is None
    assert balances(desk, trader) == (START - 300, 701)
    assert (desk.held("USDC"), desk.held("RAY"), desk.trades) == (HELD + 300, HELD - 700, 1)


def test_nothing_but_amounts_changes_in_a_vault(desk: Desk, trader: Keypair) -> None:
    before = desk.vault("RAY")
    send(desk, trader, trade(trader, 300, 700))
    after = desk.vault("RAY")
    assert after.data[:64] + after.data[72:] == before.data[:64] + before.data[72:]
    assert after.lamports == before.lamports


def test_it_is_told_as_the_programs_own(desk: Desk, trader: Keypair) -> None:
    told = send(desk, trader, set_compute_unit_limit(200_000), trade(trader, 300, 700))
    meta, keys = told["meta"], told["transaction"]["message"]["accountKeys"]
    available = 200_000 - 150
    left = available - STANDIN_UNITS
    assert meta["logMessages"][2:] == [
        f"Program {PROGRAM} invoke [1]",
        STARTED,
        f"Program {TOKEN} invoke [2]",
        f"Program {TOKEN} consumed {UNITS_IN} of {left} compute units",
        f"Program {TOKEN} success",
        f"Program {TOKEN} invoke [2]",
        f"Program {TOKEN} consumed {UNITS_OUT} of {left - UNITS_IN} compute units",
        f"Program {TOKEN} success",
        f"Program {PROGRAM} consumed {TRADE_UNITS} of {available} compute units",
        f"Program {PROGRAM} success",
    ]
    assert meta["computeUnitsConsumed"] == 150 + TRADE_UNITS
    (inner,) = meta["innerInstructions"]
    assert inner["index"] == 1
    owners = [str(keys[each["accounts"][3]]) for each in inner["instructions"]]
    assert owners == [str(trader.pubkey()), str(AUTHORITY)]
    assert [base58.decode(each["data"]) for each in inner["instructions"]] == [
        b"\x0c" + struct.pack("<QB", 300, 6),
        b"\x0c" + struct.pack("<QB", 700, 6),
    ]
    assert {each["stackHeight"] for each in inner["instructions"]} == {2}


def test_a_program_without_the_mints_transfers_unchecked(desk: Desk, trader: Keypair) -> None:
    told = send(desk, trader, trade(trader, 300, 700, mints=False))
    data = [base58.decode(each["data"]) for each in told["meta"]["innerInstructions"][0]["instructions"]]
    assert data == [b"\x03" + struct.pack("<Q", 300), b"\x03" + struct.pack("<Q", 700)]
    assert balances(desk, trader) == (START - 300, 701)


def test_it_sees_what_the_instructions_before_it_did(desk: Desk) -> None:
    """SOL only: the token account and the wrapped SOL that are traded come from the same transaction."""
    trader = desk.localnet.funded()
    wrapped = associated_token_account(trader.pubkey(), TOKENS["SOL"].mint)
    create_sol, _ = token_payment(trader.pubkey(), trader.pubkey(), 0, "SOL")
    create_usdc, _ = token_payment(trader.pubkey(), trader.pubkey(), 0, "USDC")
    wrap = transfer(TransferParams(from_pubkey=trader.pubkey(), to_pubkey=wrapped, lamports=SOL))
    sync = Instruction(TOKEN, b"\x11", [AccountMeta(wrapped, False, True)])
    owner = AccountMeta(trader.pubkey(), True, True)
    unwrap = Instruction(TOKEN, b"\x09", [AccountMeta(wrapped, False, True), owner, owner])
    swap = trade(trader, SOL, 170_000_000, sold="SOL", bought="USDC")
    assert send(desk, trader, create_sol, create_usdc, wrap, sync, swap, unwrap)["meta"]["err"] is None
    rent = desk.localnet("getMinimumBalanceForRentExemption", 165)
    assert desk.localnet.lamports(trader.pubkey()) == 9 * SOL - FEE - rent
    assert desk.localnet.tokens(trader.pubkey(), "USDC") == 170_000_000
    assert desk.held("SOL") == HELD + SOL
    assert desk.vault("SOL").lamports == HELD + SOL + rent


def test_the_second_trade_sees_the_first(desk: Desk, trader: Keypair) -> None:
    back = trade(trader, 701, 100, 1, sold="RAY", bought="USDC")
    told = send(desk, trader, trade(trader, 300, 700), back)
    assert told["meta"]["err"] is None
    assert (balances(desk, trader), desk.trades) == ((START - 200, 0), 2)
    consumed = [line for line in told["meta"]["logMessages"] if line.startswith(f"Program {PROGRAM} consumed")]
    assert consumed == [
        f"Program {PROGRAM} consumed {TRADE_UNITS} of 400000 compute units",
        f"Program {PROGRAM} consumed {TRADE_UNITS} of {400_000 - TRADE_UNITS} compute units",
    ]


def test_a_trade_that_fails_undoes_the_one_before_it(desk: Desk, trader: Keypair) -> None:
    """All but the fee."""
    told = send(desk, trader, trade(trader, 300, 700), trade(trader, 1, 1, 9))
    assert told["meta"]["err"] == {"InstructionError": [1, {"Custom": CLOSED.code}]}
    assert told["meta"]["logMessages"][-5:] == [
        f"Program {PROGRAM} invoke [1]",
        STARTED,
        *CLOSED.logs,
        f"Program {PROGRAM} consumed {STANDIN_UNITS} of {400_000 - TRADE_UNITS} compute units",
        f"Program {PROGRAM} failed: custom program error: 0x1771",
    ]
    assert (balances(desk, trader), desk.trades) == ((START, 1), 0)
    assert (desk.held("USDC"), desk.held("RAY")) == (HELD, HELD)
    assert desk.localnet.lamports(trader.pubkey()) == 10 * SOL - FEE


def test_an_instruction_that_fails_after_a_trade_undoes_it(desk: Desk, trader: Keypair) -> None:
    too_much = transfer(TransferParams(from_pubkey=trader.pubkey(), to_pubkey=Pubkey.new_unique(), lamports=99 * SOL))
    told = send(desk, trader, trade(trader, 300, 700), too_much)
    assert told["meta"]["err"] == {"InstructionError": [1, {"Custom": 1}]}
    assert told["meta"]["logMessages"][-1] == f"Program {Pubkey.default()} failed: custom program error: 0x1"
    assert (balances(desk, trader), desk.trades) == ((START, 1), 0)


def test_an_instruction_that_fails_before_a_trade_ends_it(desk: Desk, trader: Keypair) -> None:
    too_much = transfer(TransferParams(from_pubkey=trader.pubkey(), to_pubkey=Pubkey.new_unique(), lamports=99 * SOL))
    told = send(desk, trader, too_much, trade(trader, 300, 700))
    assert told["meta"]["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert not any(str(PROGRAM) in line for line in told["meta"]["logMessages"])


def test_a_trader_with_too_little_fails_in_the_token_program(desk: Desk, trader: Keypair) -> None:
    told = send(desk, trader, trade(trader, START + 1, 700))
    assert told["meta"]["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert told["meta"]["logMessages"] == [
        f"Program {PROGRAM} invoke [1]",
        STARTED,
        f"Program {TOKEN} invoke [2]",
        "Program log: Error: insufficient funds",
        f"Program {TOKEN} consumed 193 of 170000 compute units",
        f"Program {TOKEN} failed: custom program error: 0x1",
        f"Program {PROGRAM} consumed {STANDIN_UNITS + 193} of 200000 compute units",
        f"Program {PROGRAM} failed: custom program error: 0x1",
    ]
    assert desk.trades == 0


def test_nobody_sells_the_tokens_of_another(desk: Desk, trader: Keypair) -> None:
    told = send(desk, desk.localnet.funded(), trade(trader, 300, 700, signs=False))
    assert told["meta"]["err"] == {"InstructionError": [0, "PrivilegeEscalation"]}
    assert f"{trader.pubkey()}'s signer privilege escalated" in told["meta"]["logMessages"]
    assert balances(desk, trader) == (START, 1)


def test_nobody_takes_tokens_from_a_vault_that_pays_in_the_same_transaction(desk: Desk, trader: Keypair) -> None:
    vault = associated_token_account(AUTHORITY, TOKENS["RAY"].mint)
    target = associated_token_account(trader.pubkey(), TOKENS["RAY"].mint)
    theft = Instruction(
        TOKEN,
        b"\x03" + struct.pack("<Q", 700),
        [AccountMeta(vault, False, True), AccountMeta(target, False, True), AccountMeta(trader.pubkey(), True, False)],
    )
    assert send(desk, trader, trade(trader, 300, 700), theft)["meta"]["err"] is not None
    assert send(desk, trader, theft, trade(trader, 300, 700))["meta"]["err"] is not None
    assert (balances(desk, trader), desk.held("RAY")) == ((START, 1), HELD)


def test_a_vault_of_another_owner_pays_nothing(desk: Desk, trader: Keypair) -> None:
    mint = TOKENS["RAY"].mint
    for owner in (trader.pubkey(), Pubkey.new_unique()):
        foreign = token_account(mint, owner, HELD)
        desk.localnet.node.chain.runtime.put(associated_token_account(AUTHORITY, mint), foreign)
        told = send(desk, trader, trade(trader, 300, 700))
        assert told["meta"]["err"] == {"InstructionError": [0, {"Custom": 4}]}
        assert told["meta"]["logMessages"][-1] == f"Program {PROGRAM} failed: custom program error: 0x4"
        assert (desk.held("RAY"), desk.held("USDC"), desk.trades) == (HELD, HELD, 0)


def test_a_trade_finds_its_accounts_in_a_lookup_table(desk: Desk, trader: Keypair) -> None:
    localnet, swap = desk.localnet, trade(trader, 300, 700)
    addresses = [meta.pubkey for meta in swap.accounts if not meta.is_signer]
    table = AddressLookupTableAccount(Pubkey.new_unique(), addresses)
    state = (1).to_bytes(4, "little") + b"\xff" * 8 + bytes(44)
    account = Account(10**9, state + b"".join(map(bytes, addresses)), LOOKUP_TABLES)
    localnet.node.chain.runtime.put(table.key, account)
    transaction = signed(trader, [swap], localnet.blockhash(), tables=[table])
    told = localnet.transaction(localnet.send(transaction))
    assert told["meta"]["err"] is None
    assert balances(desk, trader) == (START - 300, 701)
    keys = [*told["transaction"]["message"]["accountKeys"], *told["meta"]["loadedAddresses"]["writable"]]
    assert len(keys) + len(told["meta"]["loadedAddresses"]["readonly"]) == len(told["meta"]["preBalances"])
    assert desk.trades == 1


def test_an_account_that_may_only_be_read_is_not_written(desk: Desk, trader: Keypair) -> None:
    told = send(desk, trader, trade(trader, 300, 700, writes=False))
    assert told["meta"]["err"] == {"InstructionError": [0, "ReadonlyDataModified"]}
    assert (balances(desk, trader), desk.trades) == ((START, 1), 0)


def test_a_failure_of_the_runtime_is_told_by_its_name(desk: Desk, trader: Keypair) -> None:
    told = send(desk, trader, trade(trader, 1, HELD + 1))
    assert told["meta"]["err"] == {"InstructionError": [0, "InsufficientFunds"]}
    assert told["meta"]["logMessages"][-1] == f"Program {PROGRAM} failed: insufficient funds for instruction"


def test_a_stand_in_that_breaks_is_a_program_that_breaks(
    desk: Desk, trader: Keypair, caplog: pytest.LogCaptureFixture
) -> None:
    told = send(desk, trader, Instruction(PROGRAM, b"", []))
    assert told["meta"]["err"] == {"InstructionError": [0, "ProgramFailedToComplete"]}
    assert told["meta"]["logMessages"][-1] == f"Program {PROGRAM} failed: Program failed to complete"
    assert f"the stand-in for {PROGRAM} failed" in caplog.text


@pytest.mark.parametrize(("short", "error"), [(0, None), (1, {"InstructionError": [1, "ProgramFailedToComplete"]})])
def test_the_compute_limit_holds(desk: Desk, trader: Keypair, short: int, error: Any) -> None:
    needed = 150 + TRADE_UNITS
    told = send(desk, trader, set_compute_unit_limit(needed - short), trade(trader, 300, 700))
    assert told["meta"]["err"] == error
    assert desk.trades == (0 if error else 1)


def test_a_limit_below_the_stand_ins_own_units_is_used_up(desk: Desk, trader: Keypair) -> None:
    told = send(desk, trader, set_compute_unit_limit(1_000), trade(trader, 300, 700))
    assert told["meta"]["err"] == {"InstructionError": [1, "ProgramFailedToComplete"]}
    assert told["meta"]["computeUnitsConsumed"] == 1_000
    assert told["meta"]["logMessages"][-2:] == [
        f"Program {PROGRAM} consumed 850 of 850 compute units",
        f"Program {PROGRAM} failed: exceeded CUs meter at BPF instruction",
    ]


def test_the_priority_fee_is_that_of_the_transaction_as_it_was_sent(desk: Desk, trader: Keypair) -> None:
    """Its default limit counts the instructions that were sent: here 3 000 for the price and 200 000 for the trade."""
    told = send(desk, trader, set_compute_unit_price(1_000), trade(trader, 300, 700))
    assert told["meta"]["fee"] == FEE + 203
    assert desk.localnet.lamports(trader.pubkey()) == 10 * SOL - FEE - 203
    assert told["meta"]["computeUnitsConsumed"] == 150 + TRADE_UNITS
    assert len(told["meta"]["logMessages"]) == 2 + 10


def test_a_payer_may_lack_its_rent_between_instructions(desk: Desk) -> None:
    """It has wrapped all that it has but one lamport when the trade begins, and gets the rest back after it."""
    rent = desk.localnet("getMinimumBalanceForRentExemption", 165)
    trader = desk.localnet.funded(3 * rent + FEE + 1_001)
    wrapped = associated_token_account(trader.pubkey(), TOKENS["SOL"].mint)
    create_sol, _ = token_payment(trader.pubkey(), trader.pubkey(), 0, "SOL")
    create_usdc, _ = token_payment(trader.pubkey(), trader.pubkey(), 0, "USDC")
    wrap = transfer(TransferParams(from_pubkey=trader.pubkey(), to_pubkey=wrapped, lamports=rent + 1_000))
    sync = Instruction(TOKEN, b"\x11", [AccountMeta(wrapped, False, True)])
    owner = AccountMeta(trader.pubkey(), True, True)
    unwrap = Instruction(TOKEN, b"\x09", [AccountMeta(wrapped, False, True), owner, owner])
    swap = trade(trader, 1_000, 7, sold="SOL", bought="USDC")
    assert send(desk, trader, create_sol, create_usdc, wrap, sync, swap, unwrap)["meta"]["err"] is None
    assert desk.localnet.lamports(trader.pubkey()) == 2 * rent + 1
    assert desk.localnet.tokens(trader.pubkey(), "USDC") == 7


def test_a_payment_of_nothing_is_made(desk: Desk, trader: Keypair) -> None:
    assert send(desk, trader, trade(trader, 300, 0))["meta"]["err"] is None
    assert (balances(desk, trader), desk.trades) == ((START - 300, 1), 1)


def test_a_simulation_of_a_trade_changes_nothing(desk: Desk, trader: Keypair) -> None:
    localnet = desk.localnet
    transaction = signed(trader, [trade(trader, 300, 700)], localnet.blockhash())
    simulated = localnet.value(
        "simulateTransaction", wire(transaction), {"encoding": "base64", "commitment": "processed"}
    )
    assert (simulated["err"], simulated["unitsConsumed"]) == (None, TRADE_UNITS)
    with refused(-32002, "custom program error: 0x1771") as failure:
        localnet.send(signed(trader, [trade(trader, 300, 700, 5)], localnet.blockhash()))
    assert failure.value.data["err"] == {"InstructionError": [0, {"Custom": CLOSED.code}]}
    assert (balances(desk, trader), desk.trades) == ((START, 1), 0)
