"""Solana as the chain on which orders are executed."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from order_engine.domain.errors import ChainRefused, EngineError, QuoteExpired, SignatureMismatch, VenueUnavailable
from order_engine.domain.quotes import Costs, Quote
from order_engine.domain.transactions import Fill, Transaction
from order_engine.ports import PoolRegistry
from order_engine.solana.addresses import (
    ADDRESS_BYTES,
    SIGNATURE_BYTES,
    Address,
    address,
    encode,
)
from order_engine.solana.client_signing import message_of, signed
from order_engine.solana.deployments import Deployment
from order_engine.solana.failures import failure
from order_engine.solana.fills import fill
from order_engine.solana.instructions import SIGNATURE_LAMPORTS
from order_engine.solana.lookup_tables import LookupTables
from order_engine.solana.messages import called_programs, payer, serialize
from order_engine.solana.nodes import PREFLIGHT_FAILURE, RpcError
from order_engine.solana.pools import PoolReader
from order_engine.solana.programs.program import ProgramPool
from order_engine.solana.rpc import Rpc, Simulation, Status
from order_engine.solana.signing import Signer
from order_engine.solana.tokens import TOKEN_ACCOUNT_BYTES
from order_engine.solana.transactions import MAX_COMPUTE_UNITS, Draft, draft
from order_engine.solana.wallet import SolanaWallet

MICRO_LAMPORTS = 10**6
"""Micro-lamports in a lamport."""

UNITS_BESIDE_SWAPS, UNITS_OF_A_SWAP = 50_000, 100_000
"""Compute units of a transaction before it is simulated, for the estimate of its costs: rather too many."""

_MARGIN = 6, 5
"""Until a transaction lands, the price may move so that its swaps take more compute units than in its simulation."""

_HARMLESS_PREFLIGHT_ERRORS = "AlreadyProcessed", "BlockhashNotFound"
"""The transaction has landed, or the node may lag behind. `confirm` tells."""


class SolanaChain:
    """A `Chain`, and the `Signing` of clients' transactions. `max_priority_fee` is that of a transaction.

    `signer` is called when there is something to sign. Without a `wallet`, only clients can sign.
    """

    def __init__(
        self,
        *,
        rpc: Rpc,
        deployment: Deployment,
        registry: PoolRegistry,
        wallet: SolanaWallet | None,
        signer: Callable[[], Signer],
        tables: LookupTables,
        max_priority_fee: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._rpc = rpc
        self._deployment = deployment
        self._registry = registry
        self._reader = PoolReader(rpc, deployment)
        self._wallet = wallet
        self._signer = signer
        self._tables = tables
        self._max_priority_fee = max_priority_fee
        self._now = now

    def wallet_at(self, address: str) -> SolanaWallet:
        return SolanaWallet.at(address, self._rpc, self._deployment)

    def costs(self, quote: Quote, wallet: str | None = None) -> Costs:
        """An estimate: only a simulation tells the compute units. Whoever has no wallet has no accounts."""
        payer = self._wallet if wallet is None else self.wallet_at(wallet)
        units = UNITS_BESIDE_SWAPS + UNITS_OF_A_SWAP * len(quote.swaps)
        price = self._price([address(swap.pool) for swap in quote.swaps], units)
        bought = dict.fromkeys(swap.token_out for swap in quote.swaps)
        if quote.token_out == "SOL":
            del bought[quote.swaps[-1].token_out]
        fee = SIGNATURE_LAMPORTS - (-units * price // MICRO_LAMPORTS)
        return Costs(fee, self._rent * (len(bought) if payer is None else self._missing(bought, payer)))

    def build(self, quote: Quote, min_out: int, order_id: UUID) -> Transaction:
        if self._wallet is None:
            raise ChainRefused("expected a transaction that the client has signed, was none: the engine has no wallet")
        return self._written(quote, min_out, order_id, self._wallet, self._sign)

    def prepare(self, quote: Quote, min_out: int, order_id: UUID, wallet: str) -> Transaction:
        return self._written(quote, min_out, order_id, self.wallet_at(wallet), lambda message: bytes(SIGNATURE_BYTES))

    def signed(self, unsigned: Transaction, wallet: str, wire: str) -> Transaction:
        return signed(unsigned, wallet, wire)

    def simulate(self, transaction: Transaction, slot: int) -> None:
        simulation = self._rpc.simulate(b64decode(_wire(transaction)), slot, as_is=True)
        if simulation.error is None or simulation.error == "AlreadyProcessed":
            return
        if simulation.error == "BlockhashNotFound" and self._status(transaction):
            # Its client has sent it too, and its blockhash is over by now.
            return
        message = message_of(transaction)
        wallet = SolanaWallet(self._rpc, self._deployment, payer(message))
        raise self._failure(simulation, called_programs(message), transaction, wallet)

    def _written(
        self, quote: Quote, min_out: int, order_id: UUID, wallet: SolanaWallet, sign: Callable[[bytes], bytes]
    ) -> Transaction:
        """The transaction of a quote, which this wallet pays."""
        quote.check(self._now())
        swapping = draft(
            quote,
            min_out,
            order_id,
            wallet=wallet.key,
            deployment=self._deployment,
            pools=self._pools(quote),
            rent=self._rent,
            tables=self._tables.read(),
        )
        units = self._simulated_units(swapping, quote, wallet)
        priced = swapping.with_budget(units, self._price(swapping.writable, units))
        blockhash = self._rpc.latest_blockhash(quote.slot)
        message = priced.message(blockhash.hash)
        signature = sign(message)
        return Transaction.of(
            quote,
            min_out,
            signature=encode(signature),
            last_valid_height=blockhash.last_valid_height,
            instructions=[step.description for step in priced.steps],
            wire=b64encode(serialize([signature], message)).decode(),
        )

    def submit(self, transaction: Transaction) -> None:
        """Never raises `QuoteExpired`: that a node refuses a transaction does not prove that none carries it out."""
        try:
            signature = self._rpc.send(_wire(transaction))
        except RpcError as error:
            reason = error.data.get("err") if isinstance(error.data, dict) else None
            if error.code == PREFLIGHT_FAILURE and reason in _HARMLESS_PREFLIGHT_ERRORS:
                return
            raise VenueUnavailable(f"transaction {transaction.signature} was not sent: {error}") from error
        if signature != transaction.signature:
            raise SignatureMismatch(f"expected signature {transaction.signature}, was {signature}")

    def confirm(self, transaction: Transaction) -> Fill | None:
        try:
            status = self._status(transaction)
            if status is None or not status.is_confirmed:
                return None
            landed = self._rpc.transaction(transaction.signature)
        except ChainRefused as error:
            # A node of another cluster proves nothing: the transaction may have landed.
            raise VenueUnavailable(str(error)) from error
        if landed is None:
            return None  # This node has not seen it yet.
        if landed.error is not None:
            raise failure(landed.error, landed.logs, landed.programs, self._deployment.programs)
        return fill(transaction, landed, self._deployment)

    def _status(self, transaction: Transaction) -> Status | None:
        """What is known of a transaction. Raises `QuoteExpired` once it can't land any more.

        First a final block above its last one is read, then the history of a node that has reached this block: asked
        the other way round, it might land in between.
        """
        if status := self._rpc.status(transaction.signature).status:
            return status
        final = self._rpc.finalized_block()
        if final.height <= transaction.last_valid_height:
            return None
        found = self._rpc.status(transaction.signature, with_history=True)
        if found.status is None and found.slot >= final.slot:
            raise QuoteExpired(
                f"transaction {transaction.signature} could land up to block {transaction.last_valid_height},"
                f" and has not: block {final.height} is final"
            )
        return found.status

    def _pools(self, quote: Quote) -> dict[str, ProgramPool]:
        """The quote's pools as they are now, as far as they can still be traded in."""
        tokens = {token for swap in quote.swaps for token in (swap.token_in, swap.token_out)}
        registered = {pool.address: pool for pool in self._registry.enabled(sorted(tokens))}
        used = [registered[swap.pool] for swap in quote.swaps if swap.pool in registered]
        found = self._reader.read({address(pool.address): [*map(address, pool.companions)] for pool in used})
        for id, error in found.unusable.items():
            if isinstance(error, VenueUnavailable):
                raise error
            raise QuoteExpired(f"pool {id} can no longer be traded in: {error}")
        return {id: read.pool for id, read in found.pools.items()}

    def _simulated_units(self, swapping: Draft, quote: Quote, wallet: SolanaWallet) -> int:
        """The limit of compute units. Raises what the transaction would fail with."""
        # The simulation pays the highest fee, so that the wallet can pay the real one.
        budget = MAX_COMPUTE_UNITS, self._max_priority_fee * MICRO_LAMPORTS // MAX_COMPUTE_UNITS
        full = swapping.with_budget(*budget)
        unsigned = serialize([bytes(SIGNATURE_BYTES)], full.message(bytes(ADDRESS_BYTES)))
        simulation = self._rpc.simulate(unsigned, quote.slot)
        if simulation.error is None:
            numerator, denominator = _MARGIN
            return min(simulation.units * numerator // denominator + 1, MAX_COMPUTE_UNITS)
        raise self._failure(simulation, [step.instruction.program for step in full.steps], quote, wallet)

    def _failure(
        self, simulation: Simulation, called: Sequence[Address], swap: Quote | Transaction, wallet: SolanaWallet
    ) -> EngineError:
        """What a transaction would fail with. Raises `InsufficientFunds` if its wallet holds too little."""
        error = failure(simulation.error, simulation.logs, called, self._deployment.programs)
        if isinstance(error, ChainRefused):
            # Programs have various names for an account that is missing or holds too little.
            wallet.check(swap.token_in, swap.amount_in)
        return error

    def _price(self, accounts: Sequence[Address], units: int) -> int:
        """The price of a compute unit, in micro-lamports: what three of four recent slots would have taken."""
        paid = sorted(self._rpc.priority_fees(accounts)) or [0]
        return min(paid[len(paid) * 3 // 4], self._max_priority_fee * MICRO_LAMPORTS // units)

    def _sign(self, message: bytes) -> bytes:
        signer, wallet = self._signer(), payer(message)
        if signer.address != wallet:
            raise ChainRefused(f"expected the key of wallet {encode(wallet)}, was that of {encode(signer.address)}")
        return signer.sign(message)

    def _missing(self, tokens: Collection[str], wallet: SolanaWallet) -> int:
        """How many of the wallet's accounts for these tokens do not exist."""
        if not tokens:
            return 0
        accounts = [wallet.associated(symbol) for symbol in tokens]
        return list(self._rpc.accounts(accounts).accounts.values()).count(None)

    @property
    def _rent(self) -> int:
        return self._rpc.minimum_balance(TOKEN_ACCOUNT_BYTES)


def _wire(transaction: Transaction) -> str:
    if transaction.wire is None:
        raise ValueError(f"expected transaction {transaction.signature} with its bytes")
    return transaction.wire
