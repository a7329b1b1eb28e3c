"""Passwords for a quarter of an hour: requests to connect that IAM can check, signed here without a call to AWS."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from order_engine.aws.signing import Credentials, Signer

_SECONDS = 900
"""How long a token opens connections, at most. Connections that it has opened stay open."""


class IamTokens:
    def __init__(self, credentials: Credentials, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def database(self, host: str, port: int, user: str) -> Callable[[], str]:
        """Makes passwords for a user of an RDS database or proxy."""
        signer = Signer(self._credentials, "rds-db", self._region)
        query = {"Action": "connect", "DBUser": user}
        return lambda: signer.presigned(f"{host}:{port}", query, _SECONDS)

    def cache(self, url: str, name: str) -> Callable[[], str]:
        """Makes passwords for the user in the URL of an ElastiCache Serverless cache of that name.

        Raises `ValueError` if the URL names no user.
        """
        user = urlsplit(url).username
        if not user:
            raise ValueError("expected REDIS_URL to name a user")
        signer = Signer(self._credentials, "elasticache", self._region)
        query = {"Action": "connect", "User": user, "ResourceType": "ServerlessCache"}
        return lambda: signer.presigned(name, query, _SECONDS)
