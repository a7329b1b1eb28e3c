"""The node: the chain, the faucet, and the faults that a user has asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from localnet.chain import BLOCKHASH_BLOCKS, Chain
from localnet.faucet import TOKENS, Faucet, Token
from localnet.faults import Fault, Faults
from localnet.ledger import Ledger
from localnet.runtime import Runtime
from localnet.transactions import Transaction, decode

Genesis = Callable[[], Mapping[Pubkey, Account]]
"""The accounts that a new chain begins with."""


class Node:
    """One node, which is the whole cluster."""

    def __init__(self, runtime: Runtime, ledger: Ledger, genesis: Genesis, *, instant: bool) -> None:
        secret = ledger.fact("faucet")
        keypair = Keypair.from_bytes(secret) if secret else Keypair()
        self._ledger = ledger
        self.faucet = Faucet(keypair)
        self.faults = Faults()
        self.chain = Chain(runtime, ledger, instant=instant)
        if secret is None:
            ledger.set_fact("faucet", bytes(keypair))
        self.chain.start(lambda: self._genesis(genesis()))

    def _genesis(self, accounts: Mapping[Pubkey, Account]) -> dict[Pubkey, Account]:
        return {**accounts, **self.faucet.genesis(accounts)}

    def advance(self, slots: int = 1) -> None:
        """Lets slots pass."""
        for _ in range(slots):
            self.chain.open_block()
            self._befall()

    def send(self, transaction: Transaction) -> None:
        """Carries out a signed transaction, unless a fault keeps it from that."""
        if self.faults.strike("drop"):
            return
        if delay := self.faults.strike("delay"):
            self.chain.send_later(transaction, delay.slots)
        else:
            self.chain.send(transaction)
        if self.chain.is_instant:
            self._befall()

    def airdrop(self, to: Pubkey, amount: int, token: Token) -> Signature:
        """Gives away an amount in base units. The transaction may fail, as that of anyone else."""
        transaction = decode(bytes(self.faucet.airdrop(to, amount, token, self.chain.tip.blockhash)))
        self.chain.send(transaction)
        return transaction.signature

    def grant(self, wallet: Pubkey) -> None:
        """Gives a wallet what it starts with, once."""
        fact = f"granted {wallet}"
        if self._ledger.fact(fact) is None:
            for token in TOKENS.values():
                self.airdrop(wallet, token.granted * 10**token.decimals, token)
            self._ledger.set_fact(fact, b"")
            self.chain.save()

    def add_fault(self, fault: Fault) -> None:
        """Puts a fault in force. One that befalls the chain strikes at once unless it is a matter of chance."""
        self.faults.add(fault)
        if fault.percent == 100:
            self._befall()

    def _befall(self) -> None:
        if fork := self.faults.strike("fork"):
            self.chain.fork(deep=fork.deep)
        if self.faults.strike("expire"):
            for _ in range(BLOCKHASH_BLOCKS + 1):
                self.chain.open_block()
