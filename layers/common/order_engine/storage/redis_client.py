"""The connection to Redis."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


@cache
def client(url: str, password: Callable[[], str] | None = None) -> redis.Redis:
    """The shared client for a URL. It connects with the first command.

    `password` returns a password for each new connection, for the user in the URL. The plain client also serves a Redis
    in cluster mode that shows itself as a single node, as ElastiCache Serverless does: every command uses one key.
    """
    options: dict[str, Any] = {}
    if password:
        parts = urlsplit(url)
        options["credential_provider"] = _Credentials(parts.username or "", password)
        # The library takes either a user or a provider.
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    # The library's defaults, five seconds and ten retries, would use up a function's whole timeout. One retry is
    # for a connection that the server has closed in the meantime.
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=0.3,
        socket_connect_timeout=0.3,
        retry=Retry(NoBackoff(), retries=1),
        **options,
    )


class _Credentials(redis.CredentialProvider):
    def __init__(self, user: str, password: Callable[[], str]) -> None:
        self._user = user
        self._password = password

    def get_credentials(self) -> tuple[str, str]:
        return self._user, self._password()
