"""The node: the chain, the faucet, and the faults that a user has asked for."""

from __future__ import annotations

import logging
from collections import Counter

from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from localnet.chain import BLOCKHASH_BLOCKS, Chain
from localnet.faucet import GRANTS, Faucet
from localnet.faults import Fault, Faults
from localnet.ledger import Ledger
from localnet.market import TOKENS, Prices, Traders, genesis
from localnet.market.accounts import mint_account
from localnet.market.new_tokens import new_pool
from localnet.market.tokens import Token
from localnet.runtime import Runtime
from localnet.transactions import Transaction, decode

_TRADES_KEPT_SLOTS = 9_000  # an hour: others trade as long as the localnet runs
_FORGET_EVERY_BLOCKS = 100

_logger = logging.getLogger(__name__)


class Node:
    """One node, which is the whole cluster.

    With `pools`, a new chain begins with the market's, and with `prices` other traders bring these to them. `calls`
    counts the calls of each method since the node has started.
    """

    def __init__(
        self, runtime: Runtime, ledger: Ledger, *, instant: bool, pools: bool = True, prices: Prices | None = None
    ) -> None:
        self._ledger = ledger
        self.faucet = Faucet(self._keypair("faucet"))
        self.faults = Faults()
        self.calls = Counter[str]()
        self.chain = Chain(runtime, ledger, instant=instant)
        wallet = self._keypair("traders")
        self._traders = Traders(wallet, prices) if pools and prices else None
        self.traders_address = wallet.pubkey()
        market = genesis(self.faucet.address, wallet.pubkey()) if pools else ()
        self.chain.start(lambda: {**dict(self.faucet.genesis()), **dict(market)})

    def _keypair(self, name: str) -> Keypair:
        """A key of this chain's, made when it begins."""
        secret = self._ledger.fact(name)
        keypair = Keypair.from_bytes(secret) if secret else Keypair()
        self._ledger.set_fact(name, bytes(keypair))
        return keypair

    def advance(self, slots: int = 1) -> None:
        """Lets slots pass."""
        for _ in range(slots):
            self.chain.open_block()
            self._go_on()

    def send(self, transaction: Transaction) -> None:
        """Carries out a signed transaction, unless a fault keeps it from that."""
        if self.faults.strike("drop"):
            return
        if delay := self.faults.strike("delay"):
            self.chain.send_later(transaction, delay.slots)
        else:
            self.chain.send(transaction)
        if self.chain.is_instant:
            self._go_on()

    def airdrop(self, to: Pubkey, amount: int, token: Token) -> Signature:
        """Gives away an amount in base units. The transaction may fail, as that of anyone else."""
        transaction = decode(bytes(self.faucet.airdrop(to, amount, token, self.chain.tip.blockhash)))
        self.chain.send(transaction)
        return transaction.signature

    def create_mint(self, decimals: int, *, can_freeze: bool) -> Pubkey:
        """Makes a new token, of which there is nothing yet. The faucet is its authority."""
        new, faucet = Keypair().pubkey(), self.faucet.address
        self.chain.write({new: mint_account(faucet, 0, decimals, faucet if can_freeze else None)})
        return new

    def create_pool(self, program: str, mint: Pubkey, paired: Token, amounts: tuple[int, int]) -> Pubkey:
        """Makes a pool of a mint and a token of the market, with base units of each. Raises `CreationError`."""
        accounts = new_pool(program, mint, paired, amounts, self.chain.runtime.get)
        self.chain.write(accounts)
        return next(iter(accounts))

    def grant(self, wallet: Pubkey) -> None:
        """Gives a wallet what it starts with, once."""
        fact = f"granted {wallet}"
        if self._ledger.fact(fact) is None:
            for symbol, amount in GRANTS.items():
                token = TOKENS[symbol]
                self.airdrop(wallet, amount * 10**token.decimals, token)
            self._ledger.set_fact(fact, b"")
            self.chain.save()

    def add_fault(self, fault: Fault) -> None:
        """Puts a fault in force. One that befalls the chain strikes at once unless it is a matter of chance."""
        self.faults.add(fault)
        if fault.percent == 100:
            self._befall()

    def _go_on(self) -> None:
        """What happens in every slot: others trade, and faults befall the chain."""
        if self._traders:
            self._trade(self._traders)
        self._befall()

    def _trade(self, traders: Traders) -> None:
        tip, runtime = self.chain.tip, self.chain.runtime
        try:
            transactions = traders.transactions(runtime.clock, tip.blockhash, runtime.get)
        except Exception:  # nobody else's slots should end with it
            _logger.exception("the other traders failed in slot %d", tip.slot)
            return
        for transaction in transactions:
            self.chain.send(decode(bytes(transaction)))
        if tip.height % _FORGET_EVERY_BLOCKS == 0:
            self._ledger.forget(self.traders_address, tip.slot - _TRADES_KEPT_SLOTS)

    def _befall(self) -> None:
        if fork := self.faults.strike("fork"):
            self.chain.fork(deep=fork.deep)
        if self.faults.strike("expire"):
            for _ in range(BLOCKHASH_BLOCKS + 1):
                self.chain.open_block()
