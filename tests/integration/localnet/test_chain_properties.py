"""In whatever order things happen, the chain is the sum of its blocks: Hypothesis compares it with a simple model."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from solders.keypair import Keypair
from solders.transaction import VersionedTransaction

from tests.support.localnet import FEE, SOL, Localnet, payment, wire

WALLETS = [Keypair.from_seed(bytes([number]) * 32) for number in range(3)]
START = 100 * SOL
COMMITMENTS = ("processed", "confirmed", "finalized")
wallets = st.integers(0, len(WALLETS) - 1)


@dataclass
class Model:
    """The lamports of the wallets after each block, and what is in it."""

    lamports: list[int]
    signatures: set[str] = field(default_factory=set)


class Chains(RuleBasedStateMachine):
    """Wallets pay each other, slots pass, forks and kills happen, transactions are sent again."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.localnet = Localnet(self.folder, instant=False)
        for wallet in WALLETS:
            self.localnet("requestAirdrop", str(wallet.pubkey()), START)
        self.localnet.slots(33)
        self.sent: list[VersionedTransaction] = []
        self.blocks = [Model([START] * len(WALLETS))]
        self.confirmed = self.final = 0  # indexes into blocks
        self.open_block()

    def teardown(self) -> None:
        self.localnet.kill()
        shutil.rmtree(self.folder)

    def open_block(self) -> None:
        newest = self.blocks[-1]
        self.blocks.append(Model(list(newest.lamports), set(newest.signatures)))
        self.confirmed = max(self.confirmed, len(self.blocks) - 3)
        self.final = max(self.final, len(self.blocks) - 33)

    def drop_blocks(self, kept: int) -> None:
        del self.blocks[kept + 1 :]
        self.confirmed = min(self.confirmed, kept)
        self.open_block()

    @rule(payer=wallets, to=wallets, lamports=st.sampled_from((SOL, SOL + 1, 60 * SOL, 60 * SOL + 1, 300 * SOL)))
    def pay(self, payer: int, to: int, lamports: int) -> None:
        blockhash = self.localnet.blockhash("processed" if lamports % 2 else "confirmed")
        transaction = payment(WALLETS[payer], WALLETS[to].pubkey(), lamports, blockhash)
        self.sent.append(transaction)
        self.send(transaction, payer, to, lamports)

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        if self.sent:
            transaction = data.draw(st.sampled_from(self.sent))
            keys = transaction.message.account_keys
            payer = next(n for n, wallet in enumerate(WALLETS) if wallet.pubkey() == keys[0])
            to = next((n for n, wallet in enumerate(WALLETS) if wallet.pubkey() == keys[1]), payer)
            self.send(transaction, payer, to, int.from_bytes(transaction.message.instructions[0].data[4:], "little"))

    def send(self, transaction: VersionedTransaction, payer: int, to: int, lamports: int) -> None:
        newest, signature = self.blocks[-1], str(transaction.signatures[0])
        known = self.localnet.value(
            "isBlockhashValid", str(transaction.message.recent_blockhash), {"commitment": "processed"}
        )
        is_new = known and signature not in newest.signatures and newest.lamports[payer] > FEE + SOL // 1000
        self.localnet.send(transaction, skipPreflight=True)
        if is_new:
            newest.signatures.add(signature)
            newest.lamports[payer] -= FEE
            if newest.lamports[payer] >= lamports and self.status(signature)["err"] is None:
                newest.lamports[payer] -= lamports
                newest.lamports[to] += lamports
        else:
            assert (self.status(signature) is not None) == (signature in newest.signatures)

    def status(self, signature: str) -> Any:
        return self.localnet.value("getSignatureStatuses", [signature], {"searchTransactionHistory": True})[0]

    @rule(count=st.sampled_from((1, 1, 2, 2, 3, 30, 32, 151)))
    def let_slots_pass(self, count: int) -> None:
        self.localnet.slots(count)
        for _ in range(count):
            self.open_block()

    @rule(deep=st.booleans())
    def fork(self, deep: bool) -> None:
        self.localnet("localnet_fault", "fork", {"deep": deep})
        self.drop_blocks(self.final if deep else self.confirmed)

    @rule()
    def kill(self) -> None:
        """Blocks that are closed are kept, and are final after it."""
        self.localnet = self.localnet.restarted()
        self.blocks.pop()
        self.open_block()
        self.confirmed = self.final = len(self.blocks) - 2

    @rule(payer=wallets)
    def simulate(self, payer: int) -> None:
        """Changes nothing, whatever commitment it is at."""
        transaction = payment(WALLETS[payer], WALLETS[0].pubkey(), 7, self.localnet.blockhash("finalized"))
        for commitment in COMMITMENTS:
            options = {"encoding": "base64", "commitment": commitment}
            error = self.localnet.value("simulateTransaction", wire(transaction), options)["err"]
            assert error in (None, {"InstructionError": [0, {"Custom": 1}]})

    @invariant()
    def balances_are_those_of_the_blocks(self) -> None:
        if not hasattr(self, "blocks"):
            return
        for commitment, index in zip(COMMITMENTS, (-1, self.confirmed, self.final), strict=True):
            found = [self.localnet.lamports(wallet.pubkey(), commitment) for wallet in WALLETS]
            assert found == self.blocks[index].lamports, commitment

    @invariant()
    def statuses_are_those_of_the_blocks(self) -> None:
        if not hasattr(self, "blocks"):
            return
        for transaction in self.sent:
            signature = str(transaction.signatures[0])
            status = self.status(signature)
            expected = None
            for commitment, index in zip(COMMITMENTS, (-1, self.confirmed, self.final), strict=True):
                if signature in self.blocks[index].signatures:
                    expected = commitment
            assert (status and status["confirmationStatus"]) == expected


TestChains = Chains.TestCase
TestChains.settings = settings(max_examples=20, stateful_step_count=25)
