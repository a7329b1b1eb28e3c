"""Passwords for a quarter of an hour: requests to connect that IAM can check, signed here without asking anyone."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from psycopg.conninfo import conninfo_to_dict

from .database import checked

_SECONDS = 900
"""For how long a token opens connections, at most. Those that it has opened stay."""


class Tokens:
    """Signs with the credentials that the environment has at that moment."""

    def __init__(self, credentials: Credentials, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def database(self, url: str) -> Callable[[], str]:
        """Makes passwords for the user in the URL of an RDS database or proxy. Raises ValueError if it names none."""
        parts = conninfo_to_dict(checked(url))
        host, user = parts.get("host"), parts.get("user")
        if not host or not user:
            raise ValueError("expected DATABASE_URL to name a user and a host")
        address = f"{host}:{parts.get('port', 5432)}"
        return lambda: self._signed("rds-db", address, {"Action": "connect", "DBUser": str(user)})

    def cache(self, url: str, name: str) -> Callable[[], str]:
        """Makes passwords for the user in the URL of an ElastiCache Serverless cache of that name.

        Raises ValueError if the URL names no user.
        """
        user = urlsplit(url).username
        if not user:
            raise ValueError("expected REDIS_URL to name a user")
        query = {"Action": "connect", "User": user, "ResourceType": "ServerlessCache"}
        return lambda: self._signed("elasticache", name, query)

    def _signed(self, service: str, address: str, query: dict[str, str]) -> str:
        request = AWSRequest("GET", f"https://{address}/?{urlencode(query)}")
        SigV4QueryAuth(self._credentials.get_frozen_credentials(), service, self._region, _SECONDS).add_auth(request)
        return str(request.url).removeprefix("https://")
