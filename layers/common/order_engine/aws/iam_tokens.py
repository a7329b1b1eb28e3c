"""IAM authentication tokens: passwords for RDS and ElastiCache, signed here without a call to AWS."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from order_engine.aws.signing import Credentials, Signer

_TTL_SECONDS = 900
"""How long a token can open connections: AWS allows 15 minutes. Open connections stay open."""


class IamTokens:
    def __init__(self, credentials: Credentials, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def database(self, host: str, port: int, user: str) -> Callable[[], str]:
        """A function that makes passwords for a user of an RDS database or proxy."""
        signer = Signer(self._credentials, "rds-db", self._region)
        query = {"Action": "connect", "DBUser": user}
        return lambda: signer.presigned(f"{host}:{port}", query, _TTL_SECONDS)

    def cache(self, url: str, name: str) -> Callable[[], str]:
        """A function that makes passwords for the user in the URL of the ElastiCache Serverless cache `name`.

        Raises `ValueError` if the URL names no user.
        """
        user = urlsplit(url).username
        if not user:
            raise ValueError("expected REDIS_URL to name a user")
        signer = Signer(self._credentials, "elasticache", self._region)
        query = {"Action": "connect", "User": user, "ResourceType": "ServerlessCache"}
        return lambda: signer.presigned(name, query, _TTL_SECONDS)
