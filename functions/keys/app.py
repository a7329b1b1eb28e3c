"""Manages API keys. It has no route: operators invoke it by name, with an IAM permission."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.aws.observability import logger
from order_engine.bootstrap import stores
from order_engine.domain.timestamps import rfc3339

clients = stores.clients()


# Logs neither the event nor the answer: the answer may be a key.
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
            with suppress(ValueError):  # not a UUID
                if clients.revoke(UUID(key_id)):
                    return {"revoked": key_id}
            raise ValueError(f"no key with id {key_id}")
    raise ValueError(
        'expected {"action": "create-key", "name": …}, {"action": "list-keys"} or {"action": "revoke-key", "id": …},'
        f" was one with {', '.join(event) or 'nothing'}"
    )
