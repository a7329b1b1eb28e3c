"""The operations on API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.models import Tag
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from contract.examples import EXAMPLES, shown
from contract.operations import answer, app, operation
from contract.values import Scope, Wire
from order_engine.domain import access
from order_engine.domain.access import KEY_PREFIX
from order_engine.domain.errors import (
    InvalidJson,
    InvalidRequest,
    KeyNotFound,
    PayloadTooLarge,
    ScopeMissing,
    UnsupportedMediaType,
)

TAG = Tag(name="keys", description="API keys of the client that the key belongs to.")

_Actor = Annotated[
    str | None,
    Field(description='"key ID" for a key of the client, or "operator". null if that was before there was an audit.'),
]


class Key(Wire):
    """An API key, without its text."""

    id: UUID
    client: Annotated[str, Field(description="The client's name.")]
    prefix: Annotated[str, Field(description="The key's first characters.")]
    scope: Scope
    created_at: datetime
    created_by: _Actor
    expires_at: Annotated[datetime | None, Field(description="null: the key does not expire.")]
    last_used_at: Annotated[datetime | None, Field(description="Up to a minute old. null: never used.")]
    revoked_at: Annotated[datetime | None, Field(description="null: the key is not revoked.")]
    revoked_by: _Actor


class CreatedKey(Key):
    """A new API key."""

    key: Annotated[str, Field(pattern=f"^{KEY_PREFIX}", description="No other answer contains it.")]


class KeyList(Wire):
    """The client's keys."""

    keys: Annotated[list[Key], Field(description="The oldest one first.")]


class NewKeyForm(Wire):
    """A key that is to be created."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    scope: Scope = access.Scope.TRADE.value
    expires_at: Annotated[datetime | None, Field(description="In the future. null: never.")] = None


@operation(
    app.get,
    "/api/key",
    "keys",
    "Read this key",
    {200: answer(Key, "The key that the request was sent with.", key=EXAMPLES["key"])},
    InvalidRequest,
)
def get_own_key() -> None:
    """Tells what the key may do, and until when."""


@operation(
    app.get,
    "/api/keys",
    "keys",
    "List keys",
    {200: answer(KeyList, "Every key of the client, also those that are revoked.", keys={"keys": [EXAMPLES["key"]]})},
    InvalidRequest,
    ScopeMissing,
)
def list_keys() -> None:
    """Needs the scope admin. Says who has created and revoked each key."""


@operation(
    app.post,
    "/api/keys",
    "keys",
    "Create a key",
    {201: answer(CreatedKey, "The new key.", key=EXAMPLES["created key"])},
    InvalidJson,
    InvalidRequest,
    ScopeMissing,
    PayloadTooLarge,
    UnsupportedMediaType,
)
def create_key(
    key: Annotated[
        NewKeyForm,
        Body(openapi_examples={"reader": {"value": {"scope": "read", "expiresAt": "2027-01-31T00:00:00Z"}}}),
    ],
) -> None:
    """Needs the scope admin. The new key belongs to the same client."""


@operation(
    app.delete,
    "/api/keys/<keyId>",
    "keys",
    "Revoke a key",
    {200: answer(Key, "The revoked key.", revoked=EXAMPLES["revoked key"])},
    InvalidRequest,
    ScopeMissing,
    KeyNotFound,
)
def revoke_key(
    key_id: Annotated[UUID, Path(alias="keyId", openapi_examples=shown(EXAMPLES["key"]["id"]))],
) -> None:
    """Needs the scope admin. A revoked key is refused within ten seconds, and its connections are closed within a
    minute. Revoking it again has no effect.
    """
