"""Clients' API keys. It has no route: operators invoke it by name, and whom IAM lets do so may do all of it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine import bootstrap
from order_engine.aws.observability import logger
from order_engine.domain.orders import rfc3339

clients = bootstrap.clients()


# Neither the event nor the answer is logged: the answer may be a key.
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    match event:
        case {"action": "create-key", "name": str(name)}:
            key = clients.create_key(name)
            caller = clients.caller_with_key(key)
            return {"client": name, "id": caller and str(caller.key_id), "key": key}
        case {"action": "list-keys"}:
            return {
                "keys": [
                    {
                        "id": str(listed.id),
                        "client": listed.client,
                        "prefix": listed.prefix,
                        "createdAt": rfc3339(listed.created_at),
                        "revokedAt": listed.revoked_at and rfc3339(listed.revoked_at),
                    }
                    for listed in clients.list_keys()
                ]
            }
        case {"action": "revoke-key", "id": str(key_id)}:
            with suppress(ValueError):  # no UUID
                if clients.revoke(UUID(key_id)):
                    return {"revoked": key_id}
            raise ValueError(f"expected the id of a key, was {key_id}")
    raise ValueError(
        'expected {"action": "create-key", "name": …}, {"action": "list-keys"} or {"action": "revoke-key", "id": …},'
        f" was one with {', '.join(event) or 'nothing'}"
    )
