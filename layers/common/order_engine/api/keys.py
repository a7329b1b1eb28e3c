"""The REST API of keys: a caller reads its own, and the admins of a client create, list and revoke the client's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from order_engine.api.key_forms import key_view, parse_new_key
from order_engine.api.requests import check_query, parse_uuid
from order_engine.api.rest import caller, json_body, json_response
from order_engine.domain.access import KEY_PREFIX, OPERATOR, ApiKey, Caller, Scope, new_secret
from order_engine.domain.errors import KeyNotFound
from order_engine.ports import KeyStore


def add_keys(app: APIGatewayRestResolver, keys: KeyStore) -> None:
    """Adds the routes."""

    def admin() -> Caller:
        check_query(app.current_event)
        return caller(app.current_event, Scope.ADMIN)

    @app.get("/api/key")
    def get_own_key() -> Response[str]:
        check_query(app.current_event)
        return json_response(200, _view(keys.key_of(caller(app.current_event))))

    @app.get("/api/keys")
    def list_keys() -> Response[str]:
        return json_response(200, {"keys": [_view(key) for key in keys.list_keys(admin().client_id)]})

    @app.post("/api/keys")
    def create_key() -> Response[str]:
        by = admin()
        new, secret = parse_new_key(json_body(app.current_event), datetime.now(UTC)), new_secret(KEY_PREFIX)
        made = keys.add_key(keys.key_of(by).client, secret, new.scope, new.expires_at, _actor(by))
        return json_response(201, {**_view(made), "key": secret})

    @app.delete("/api/keys/<key_id>")
    def revoke_key(key_id: str) -> Response[str]:
        by, id = admin(), parse_uuid("keyId", key_id)
        revoked = keys.revoke(id, by.client_id, _actor(by))
        if revoked is None:
            raise KeyNotFound(f"no key with id {id}")
        return json_response(200, _view(revoked))


def _actor(by: Caller) -> str:
    return f"key {by.key_id}"


def _view(key: ApiKey) -> dict[str, Any]:
    """A client sees which of its keys have created and revoked it, but no user or machine of the operator's."""
    return key_view(replace(key, created_by=_shown(key.created_by), revoked_by=_shown(key.revoked_by)))


def _shown(actor: str | None) -> str | None:
    return actor if actor is None or actor.startswith("key ") else OPERATOR
