"""REST API: quotes; submit, read and cancel orders; health."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.order_forms import parse_order, parse_quote_request
from order_engine.api.requests import check_query, parse_page, parse_query, parse_uuid
from order_engine.api.rest import api, caller, idempotency_key, json_body, json_response
from order_engine.api.views import event_view, offer_view, order_view, page_view
from order_engine.aws.observability import logger
from order_engine.bootstrap import market, services, settings, stores

app = api()
submission, quoting, health = services.submission(), services.quoting(), services.health()
orders, market_name = stores.orders(), market.name()


@app.post("/api/orders/execute")
def execute_order() -> Response[str]:
    event = app.current_event
    check_query(event)
    request = parse_order(json_body(event))
    order, _ = submission.submit(request, caller(event).client_id, idempotency_key(event))
    logger.set_correlation_id(str(order.id))
    websocket_url = f"{settings.required('WEBSOCKET_URL')}?orderId={order.id}"
    return json_response(202, {**order_view(order), "webSocketUrl": websocket_url})


@app.get("/api/quotes")
def get_quote() -> Response[str]:
    request = parse_quote_request(parse_query(app.current_event))
    offer = quoting.offer(request, caller(app.current_event).client_id)
    return json_response(200, offer_view(offer, market_name))


@app.get("/api/orders")
def list_orders() -> Response[str]:
    page = orders.page(caller(app.current_event).client_id, *parse_page(parse_query(app.current_event)))
    return json_response(200, page_view(*page))


@app.get("/api/orders/<order_id>")
def get_order(order_id: str) -> Response[str]:
    check_query(app.current_event)
    order = orders.owned(caller(app.current_event).client_id, parse_uuid("orderId", order_id))
    events = [event_view(event) for event in orders.events(order.id)]
    return json_response(200, {**order_view(order), "events": events})


@app.delete("/api/orders/<order_id>")
def cancel_order(order_id: str) -> Response[str]:
    check_query(app.current_event)
    submission.cancel(caller(app.current_event).client_id, parse_uuid("orderId", order_id))
    return get_order(order_id)


@app.get("/health")
def get_health() -> Response[str]:
    report = health.report()
    return json_response(503 if report["status"] == "down" else 200, {"market": market_name, **report})


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
