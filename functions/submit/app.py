"""REST API: orders, quotes and health."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.order_forms import parse_quote_request
from order_engine.api.orders import add_orders
from order_engine.api.requests import parse_query
from order_engine.api.rest import api, caller, json_response, limited
from order_engine.api.views import offer_view
from order_engine.aws.observability import logger
from order_engine.bootstrap import market, services, settings, stores

app = api()
quoting, health = services.quoting(), services.health()
market_name = market.name()

add_orders(
    app,
    orders=stores.orders(),
    submission=services.submission(),
    standing=services.standing,
    active=services.active_orders,
    limit=stores.order_limit(),
    websocket_url=settings.required("WEBSOCKET_URL"),
    note=lambda id: logger.set_correlation_id(str(id)),
)


@app.get("/api/quotes", middlewares=[limited(stores.quote_limit())])
def get_quote() -> Response[str]:
    request = parse_quote_request(parse_query(app.current_event))
    offer = quoting.offer(request, caller(app.current_event).client_id)
    return json_response(200, offer_view(offer, market_name))


@app.get("/health")
def get_health() -> Response[str]:
    report = health.report()
    return json_response(503 if report["status"] == "down" else 200, {"market": market_name, **report})


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
