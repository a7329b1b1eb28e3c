"""What a transaction has moved, from the balances before and after it."""

from __future__ import annotations

from order_engine.domain.errors import VenueUnavailable
from order_engine.domain.quotes import Costs
from order_engine.domain.transactions import Fill, Transaction
from order_engine.solana.addresses import WRAPPED_SOL
from order_engine.solana.deployments import Deployment
from order_engine.solana.rpc import LandedTransaction


def fill(transaction: Transaction, landed: LandedTransaction, deployment: Deployment) -> Fill:
    """The fill of a transaction that has landed without error. The wallet is the one that has paid its fee.

    To the lamport: what the wallet has lost is the fee, the rent of its new token accounts, and the SOL that it has
    swapped. Raises `VenueUnavailable` for balances that can't be those of the transaction.
    """
    costs = Costs(landed.fee, _rent(landed))
    amount_in = -_change(landed, deployment, transaction.token_in, costs)
    amount_out = _change(landed, deployment, transaction.token_out, costs)
    if not 0 < amount_in <= transaction.amount_in or amount_out < transaction.min_out:
        raise VenueUnavailable(
            f"expected {transaction.signature} to swap at most {transaction.amount_in} for at least"
            f" {transaction.min_out}, was {amount_in} for {amount_out}"
        )
    return Fill(transaction.signature, amount_in, amount_out, landed.slot, costs)


def _rent(landed: LandedTransaction) -> int:
    """The lamports that were put into new token accounts of the wallet, beside wrapped ones."""
    rent = 0
    for account, token in landed.tokens_after.items():
        if token.owner == landed.payer and account not in landed.tokens_before:
            wrapped = token.amount if token.mint == WRAPPED_SOL else 0
            rent += landed.lamports_after[account] - landed.lamports_before[account] - wrapped
    return rent


def _change(landed: LandedTransaction, deployment: Deployment, symbol: str, costs: Costs) -> int:
    """What the wallet has gained of a token, in base units. SOL is native."""
    wallet = landed.payer
    if symbol == "SOL":
        return landed.lamports_after[wallet] - landed.lamports_before[wallet] + sum(costs)
    mint = deployment.mint(symbol)
    before, after = (
        sum(token.amount for token in balances.values() if (token.owner, token.mint) == (wallet, mint))
        for balances in (landed.tokens_before, landed.tokens_after)
    )
    return after - before
