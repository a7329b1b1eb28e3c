"""REST API: the market in which the engine trades, what wallets hold there, and how clients have traded."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.fills import add_fills
from order_engine.api.listings import add_listings
from order_engine.api.requests import check_query
from order_engine.api.rest import api, caller, json_response
from order_engine.api.statistics import add_statistics
from order_engine.api.views import market_view, wallet_view
from order_engine.aws.observability import logger
from order_engine.bootstrap import market

app = api()
description, wallets = market.description(), market.wallets()

add_fills(app, description.name, market.fills)
add_listings(app, description.name, market.listings)
add_statistics(app, market.statistics)


@app.get("/api/market")
def get_market() -> Response[str]:
    check_query(app.current_event)
    return json_response(200, market_view(description))


@app.get("/api/wallet")
def get_wallet() -> Response[str]:
    address = check_query(app.current_event, "address").get("address")
    held = wallets.holdings(address, caller(app.current_event).client_id)
    return json_response(200, wallet_view(description.name, held.address, held.balances))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
