"""REST API: quotes; submit and read orders; health."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine import bootstrap, settings
from order_engine.domain.errors import EngineError, NotFound
from order_engine.domain.requests import parse_order, parse_page, parse_quote_request, parse_uuid
from order_engine.observability import count, logger, metrics
from order_engine.rest import error_response, json_body, json_response

app = APIGatewayRestResolver(cors=CORSConfig(allow_origin="*", max_age=600))
submission, orders, health = bootstrap.submission(), bootstrap.orders(), bootstrap.health()
quotes = bootstrap.quotes()


@app.post("/api/orders/execute")
def execute_order() -> Response[str]:
    order = submission.submit(parse_order(json_body(app.current_event)))
    logger.set_correlation_id(str(order.id))
    count("OrderPending")
    websocket_url = f"{settings.required('WEBSOCKET_URL')}?orderId={order.id}"
    return json_response(202, {**order.to_json(), "webSocketUrl": websocket_url})


@app.get("/api/quotes")
def get_quote() -> Response[str]:
    query = app.current_event.query_string_parameters or {}
    return json_response(200, quotes.offer(parse_quote_request(query)))


@app.get("/api/orders")
def list_orders() -> Response[str]:
    page, cursor = orders.page(*parse_page(app.current_event.query_string_parameters or {}))
    return json_response(200, {"orders": [order.to_json() for order in page], "nextCursor": cursor})


@app.get("/api/orders/<order_id>")
def get_order(order_id: str) -> Response[str]:
    order = orders.get(parse_uuid("orderId", order_id))
    events = [event.to_json() for event in orders.events(order.id)]
    return json_response(200, {**order.to_json(), "events": events})


@app.get("/health")
def get_health() -> Response[str]:
    report = health.report()
    return json_response(503 if report["status"] == "down" else 200, report)


@app.exception_handler(EngineError)  # type: ignore[untyped-decorator]
def refuse_request(error: EngineError) -> Response[str]:
    return error_response(error)


@app.not_found
def no_such_path(_: Exception) -> Response[str]:
    return error_response(NotFound(f"expected a path of the API, was {app.current_event.path}"))


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
