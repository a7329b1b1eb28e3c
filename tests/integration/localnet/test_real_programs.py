"""On the market's own accounts, the programs do to the last byte what their stand-ins do.

Needs the binaries in the folder that PROGRAMS names; `make programs` fetches them. The stand-ins follow the recorded
ones, and newer ones may differ.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from solders.compute_budget import set_compute_unit_limit
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata

from localnet.dex_programs import PROGRAMS, Program
from localnet.market import genesis
from localnet.market.pools import market_pools
from localnet.market.pools.pool import MarketPool, u64s
from localnet.programs import STANDINS
from localnet.programs.records import Record
from localnet.programs.standin import Clock, InstructionFailed, Outcome, ProgramError
from localnet.programs.tokens import TOKEN_ACCOUNT
from tests.support.extended_pools import EXTENDED_POOLS

FOLDER = os.environ.get("PROGRAMS", "")
SWAPS = 120
TRADER = Keypair.from_seed(bytes([2]) * 32)

pytestmark = pytest.mark.skipif(not FOLDER, reason="needs the programs' binaries in the folder that PROGRAMS names")

EXACT_OUT: dict[str, Callable[[bytes, int, int], bytes]] = {
    "raydium_cp": lambda data, out, most: bytes.fromhex("37d96256a34ab4ad") + u64s(most, out),
    "raydium_amm_v4": lambda data, out, most: b"\x0b" + u64s(most, out),
    "raydium_clmm": lambda data, out, most: data[:8] + u64s(out, most) + bytes(17),
    "meteora_dlmm": lambda data, out, most: bytes.fromhex("2bd7f784893cf351") + u64s(most, out) + bytes(4),
    "meteora_damm_v2": lambda data, out, most: bytes.fromhex("414b3f4ceb5b5b88") + u64s(out, most) + b"\x02",
}
"""The data of an instruction that buys exactly `out` for at most `most`, from that of an exact input."""


UNSUPPORTED = {"meteora_dlmm": (9,), "meteora_damm_v2": (11,)}
"""The places of accounts for host fees and referrals, which the stand-ins do not pay."""

NOT_MUTABLE = 3006


class Chain:
    """The market with the real programs."""

    def __init__(self) -> None:
        self.svm = LiteSVM()
        self.clock = Clock(380_000_000, 880, 1_764_000_000)
        extended = (entry for pool in EXTENDED_POOLS for entry in pool.accounts())
        for key, account in (*genesis(Pubkey.new_unique(), TRADER.pubkey()), *extended):
            self.svm.set_account(key, account)
        for program in PROGRAMS:
            self.svm.add_program_from_file(program.id, Path(FOLDER) / f"{program.id}.so")

    def wait(self, seconds: int) -> None:
        slot, epoch, now = self.clock
        self.clock = Clock(slot + 2 * seconds + 1, epoch, now + seconds)
        clock = self.svm.get_clock()
        clock.slot, clock.epoch, clock.unix_timestamp = self.clock
        self.svm.set_clock(clock)

    def standin(self, instruction: Instruction) -> object:
        """What the stand-in makes of an instruction: the accounts' new data, or its error."""
        keys = [account.pubkey for account in instruction.accounts]
        try:
            outcome = STANDINS[instruction.program_id](keys, instruction.data, self.svm.get_account, self.clock)
        except ProgramError as error:
            return error.code
        except InstructionFailed as error:
            return error.kind
        return self._after(outcome)

    def program(self, instruction: Instruction) -> object:
        """As `standin`, for the program, which changes the chain."""
        keys = {account.pubkey for account in instruction.accounts}
        before = {key: account.data for key in keys if (account := self.svm.get_account(key))}
        self.svm.expire_blockhash()
        instructions = [set_compute_unit_limit(1_400_000), instruction]
        message = MessageV0.try_compile(TRADER.pubkey(), instructions, [], self.svm.latest_blockhash())
        done = self.svm.send_transaction(VersionedTransaction(message, [TRADER]))
        if isinstance(done, FailedTransactionMetadata):
            error = getattr(done.err(), "err", None)
            return getattr(error, "code", None) or str(error).rpartition(".")[2]
        after = {key: account.data for key in before if (account := self.svm.get_account(key))}
        return {key: data for key, data in after.items() if data != before[key]}

    def _after(self, outcome: Outcome) -> object:
        """The new data of accounts, or the error of the Token program."""
        after = dict(outcome.writes)
        for source, destination, amount, authority in outcome.transfers:
            paying, receiving = (self._tokens(after, key) for key in (source, destination))
            if paying["amount"] < amount:
                return 1  # insufficient funds
            if paying.key("mint") != receiving.key("mint"):
                return 3  # mint mismatch
            if paying.key("owner") != authority:
                return 4  # owner mismatch
            for key, change in ((source, -amount), (destination, amount)):
                account = self._tokens(after, key)
                account["amount"] += change
                after[key] = account.data()
        return {key: data for key, data in after.items() if data != self._data(key)}

    def _tokens(self, after: Mapping[Pubkey, bytes], key: Pubkey) -> Record:
        return Record.of(TOKEN_ACCOUNT, after[key] if key in after else self._data(key))

    def _data(self, key: Pubkey) -> bytes:
        account = self.svm.get_account(key)
        assert account is not None
        return account.data


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


@pytest.mark.parametrize("program", PROGRAMS, ids=[program.name for program in PROGRAMS])
@pytest.mark.parametrize("exact", ["input", "output"])
def test_a_stand_in_does_what_the_program_does(chain: Chain, program: Program, exact: str) -> None:
    pools = [pool for pool in (*market_pools(), *EXTENDED_POOLS) if pool.program == program.id]
    chance = random.Random(f"{pools[0].kind} {exact}")
    swapped = 0
    for _ in range(SWAPS):
        chain.wait(chance.choice([0, 1, 5, 31, 200, 700]))
        pool, a_to_b = chance.choice(pools), chance.random() < 0.5
        instruction = _swap(chain, chance, pool, a_to_b, exact)
        standin = chain.standin(instruction)
        assert standin == chain.program(instruction), (pool.name, a_to_b, instruction.data.hex())
        swapped += isinstance(standin, dict)
    assert swapped > SWAPS // 2


@pytest.mark.parametrize("program", PROGRAMS, ids=[program.name for program in PROGRAMS])
def test_a_stand_in_refuses_the_accounts_that_the_program_refuses(chain: Chain, program: Program) -> None:
    """Every account in the place of every other, one at a time, and accounts that are none or another pool's."""
    pool, another = [pool for pool in market_pools() if pool.program == program.id][:2]
    swap, foreign = (each.swap(TRADER.pubkey(), True, 10**7, 0) for each in (pool, another))
    others = {account.pubkey for account in (*swap.accounts, *foreign.accounts)} | {
        Pubkey.new_unique(),
        Pubkey.default(),
    }
    refused = 0
    for place, account in enumerate(swap.accounts):
        if account.is_signer or place in UNSUPPORTED.get(program.name, ()):
            continue
        for other in others:
            accounts = list(swap.accounts)
            accounts[place] = AccountMeta(other, False, account.is_writable)
            instruction = Instruction(program.id, swap.data, accounts)
            standin, real = chain.standin(instruction), chain.program(instruction)
            # Whether an account is writable is the localnet's to check.
            assert standin == real or real == NOT_MUTABLE, (place, str(other))
            refused += not isinstance(standin, dict)
    assert refused > len(others)


def _swap(chain: Chain, chance: random.Random, pool: MarketPool, a_to_b: bool, exact: str) -> Instruction:
    """A swap of any size from one that the programs' old rounding does not touch to more than the pool has."""
    depth = pool.state(chain.svm.get_account, chain.clock).depth(a_to_b if exact == "output" else not a_to_b)
    amount = int(depth * 10 ** chance.uniform(-7, 0.1))
    if exact == "input":
        return pool.swap(TRADER.pubkey(), a_to_b, amount, chance.choice([0, amount // 10]))
    instruction = pool.swap(TRADER.pubkey(), a_to_b, 1, 0)
    data = EXACT_OUT[pool.kind](instruction.data, amount, chance.choice([2**63, 2**63, amount]))
    return Instruction(instruction.program_id, data, instruction.accounts)
