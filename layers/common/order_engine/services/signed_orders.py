"""Orders whose transaction the client has signed."""

from __future__ import annotations

from order_engine.domain.errors import InvalidOrder
from order_engine.domain.orders import OrderRequest, SignedOrder
from order_engine.domain.quotes import Offer
from order_engine.domain.transactions import Signed
from order_engine.ports import Signing


def signed_request(order: SignedOrder, offer: Offer, signing: Signing | None) -> OrderRequest:
    """The order that its quote describes. Raises `InvalidOrder` unless the transaction is the quote's, signed."""
    unsigned = offer.unsigned
    if unsigned is None or signing is None:
        raise _invalid("quoteId", f"expected a quote for a wallet, was quote {offer.id}, which is for none")
    try:
        transaction = signing.signed(unsigned.transaction, unsigned.wallet, order.transaction)
    except ValueError as error:
        raise _invalid("signedTransaction", f"{error} (quote {offer.id})") from None
    return OrderRequest(
        type="market",
        token_in=offer.quote.token_in,
        token_out=offer.quote.token_out,
        amount_in=offer.quote.amount_in,
        slippage_bps=offer.slippage_bps,
        client_order_id=order.client_order_id,
        user_id=order.user_id,
        quote_id=order.quote_id,
        max_price_impact_bps=unsigned.max_price_impact_bps,
        wallet=unsigned.wallet,
        signed=Signed(unsigned.order_id, transaction),
    )


def check_signer(request: OrderRequest, is_keyless: bool) -> None:
    """Raises `InvalidOrder` for an order that the engine would have to sign, if it is without a key."""
    if not is_keyless or request.signed is not None:
        return
    if request.terms is not None:
        raise _invalid(
            "type",
            "expected market, with a signedTransaction: this engine has no wallet, and a signed transaction can't wait,"
            f" since it is valid for about a minute, was {request.type}",
        )
    raise _invalid(
        "signedTransaction",
        "expected the transaction of a quote for your wallet, signed: this engine has no wallet, was missing",
    )


def check_quoted_wallet(request: OrderRequest, offer: Offer) -> None:
    """Raises `InvalidOrder` for an order without the signature of the wallet for which it was quoted."""
    if offer.unsigned is not None and request.signed is None:
        raise _invalid(
            "signedTransaction",
            f"expected the transaction of quote {offer.id}, signed by wallet {offer.unsigned.wallet}, was missing",
        )


def _invalid(field: str, message: str) -> InvalidOrder:
    return InvalidOrder([{"field": field, "message": message}])
