"""Manages API keys. It has no route: operators invoke it by name, with an IAM permission."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.key_forms import key_view, parse_new_key
from order_engine.aws.observability import logger
from order_engine.bootstrap import stores
from order_engine.domain.access import KEY_PREFIX, new_secret

clients = stores.clients()


# Logs neither the event nor the answer: the answer may be a key.
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    # Lambda does not say who invokes it. CloudTrail does, with this id.
    actor = f"invocation {context.aws_request_id}"
    match event:
        case {"action": "create-key", "name": str(name), **fields}:
            new, secret = parse_new_key(fields, datetime.now(UTC)), new_secret(KEY_PREFIX)
            return {**key_view(clients.add_key(name, secret, new.scope, new.expires_at, actor)), "key": secret}
        case {"action": "list-keys"}:
            return {"keys": [key_view(key) for key in clients.list_keys()]}
        case {"action": "revoke-key", "id": str(key_id)}:
            with suppress(ValueError):  # not a UUID
                if clients.revoke(UUID(key_id), actor=actor):
                    return {"revoked": key_id}
            raise ValueError(f"no key with id {key_id}")
    raise ValueError(
        'expected {"action": "create-key", "name": …}, {"action": "list-keys"} or {"action": "revoke-key", "id": …},'
        f" was one with {', '.join(event) or 'nothing'}"
    )
