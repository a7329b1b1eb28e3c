"""Passwords for a quarter of an hour: requests to connect that IAM can check, signed here without asking anyone."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from order_engine.aws.signing import Credentials, Signer
from order_engine.storage.database import checked

_SECONDS = 900
"""For how long a token opens connections, at most. Those that it has opened stay."""


class Tokens:
    def __init__(self, credentials: Credentials, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def database(self, url: str) -> Callable[[], str]:
        """Makes passwords for the user in the URL of an RDS database or proxy. Raises ValueError if it names none."""
        parts = conninfo_to_dict(checked(url))
        host, user = parts.get("host"), parts.get("user")
        if not host or not user:
            raise ValueError("expected DATABASE_URL to name a user and a host")
        signer = Signer(self._credentials, "rds-db", self._region)
        address, query = f"{host}:{parts.get('port', 5432)}", {"Action": "connect", "DBUser": str(user)}
        return lambda: signer.presigned(address, query, _SECONDS)

    def cache(self, url: str, name: str) -> Callable[[], str]:
        """Makes passwords for the user in the URL of an ElastiCache Serverless cache of that name.

        Raises ValueError if the URL names no user.
        """
        user = urlsplit(url).username
        if not user:
            raise ValueError("expected REDIS_URL to name a user")
        signer = Signer(self._credentials, "elasticache", self._region)
        query = {"Action": "connect", "User": user, "ResourceType": "ServerlessCache"}
        return lambda: signer.presigned(name, query, _SECONDS)
