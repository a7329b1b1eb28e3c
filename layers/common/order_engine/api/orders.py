"""The REST API of orders: submit, list, read, replace and cancel them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from order_engine.api.order_forms import parse_changes, parse_submission
from order_engine.api.requests import check_query, parse_active, parse_cancellation, parse_page, parse_query, parse_uuid
from order_engine.api.rest import caller, idempotency_key, json_body, json_response, limited
from order_engine.api.views import accepted_view, active_view, cancelled_view, event_view, order_view, page_view
from order_engine.ports import OrderStore, RateLimit
from order_engine.services.submission import Submission

if TYPE_CHECKING:
    from order_engine.services.active_orders import ActiveOrderList
    from order_engine.services.standing import Standing


def add_orders(
    app: APIGatewayRestResolver,
    *,
    orders: OrderStore,
    submission: Submission,
    standing: Callable[[], Standing],
    active: Callable[[], ActiveOrderList],
    limit: RateLimit,
    websocket_url: str,
    note: Callable[[UUID], None],
) -> None:
    """Adds the routes. `note` is told the id of each order that is submitted; `websocket_url` sends orders' events.

    `limit` is that of orders.
    """

    def client() -> UUID:
        return caller(app.current_event).client_id

    counted = [limited(limit)]

    @app.post("/api/orders/execute", middlewares=counted)
    def execute_order() -> Response[str]:
        check_query(app.current_event)
        request = parse_submission(json_body(app.current_event))
        order, _ = submission.submit(request, client(), idempotency_key(app.current_event))
        note(order.id)
        first = next(iter(orders.events(order.id)), None) if order.terms else None
        return json_response(202, accepted_view(order, first, websocket_url))

    @app.get("/api/orders")
    def list_orders() -> Response[str]:
        return json_response(200, page_view(*orders.page(client(), *parse_page(parse_query(app.current_event)))))

    @app.get("/api/orders/active")
    def list_active_orders() -> Response[str]:
        with_open = parse_active(parse_query(app.current_event))
        return json_response(200, active_view(*active().of(client(), with_open=with_open)))

    @app.delete("/api/orders")
    def cancel_orders() -> Response[str]:
        selection = parse_cancellation(parse_query(app.current_event))
        return json_response(200, cancelled_view(*standing().cancel_all(client(), selection)))

    @app.get("/api/orders/<order_id>")
    def get_order(order_id: str) -> Response[str]:
        check_query(app.current_event)
        order = orders.owned(client(), parse_uuid("orderId", order_id))
        events = [event_view(event) for event in orders.events(order.id)]
        return json_response(200, {**order_view(order), "events": events})

    @app.patch("/api/orders/<order_id>", middlewares=counted)
    def replace_order(order_id: str) -> Response[str]:
        check_query(app.current_event)
        revise = partial(parse_changes, json_body(app.current_event))
        standing().replace(client(), parse_uuid("orderId", order_id), revise)
        return get_order(order_id)

    @app.delete("/api/orders/<order_id>")
    def cancel_order(order_id: str) -> Response[str]:
        check_query(app.current_event)
        submission.cancel(client(), parse_uuid("orderId", order_id))
        return get_order(order_id)
