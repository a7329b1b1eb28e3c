"""The connection to Redis."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha1
from threading import Lock
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_SECONDS = 0.3
"""How long Redis may take to accept a connection, and for each reply."""

TRUSTED_SECONDS = 30
"""A connection that was idle for longer is tried out first: it may be lost without a sign, as while Lambda sleeps."""


Command: TypeAlias = tuple[str | int, ...]


class RedisConnection:
    """One connection, which opens with the first command. Threads take turns.

    Every method raises `redis.RedisError`. It also serves a Redis in cluster mode that shows itself as a single node,
    as ElastiCache Serverless does: every command uses one key.
    """

    def __init__(self, connection: Any) -> None:
        """`connection` is one of the library's, which declares no types for its methods."""
        self._connection = connection
        self._lock = Lock()
        self._unread = 0
        self._failed: Callable[[redis.RedisError], None] = lambda error: None

    def send(self, *commands: Command, failed: Callable[[redis.RedisError], None]) -> None:
        """Sends commands, and does not wait for their replies.

        Those are read before the next command. If one is an error, or there is none, `failed` is called with that.
        """
        with self._lock:
            self._send(*commands)
            self._unread, self._failed = len(commands), failed

    def ask(self, *command: str | int) -> Any:
        """The reply to a command."""
        with self._lock:
            self._send(command)
            return self._connection.read_response()

    def run(self, script: str, key: str, *arguments: str | int) -> Any:
        """The reply to a script that uses one key. Redis gets its text once."""
        call = ("EVALSHA", digest(script), 1, key, *arguments)
        try:
            return self.ask(*call)
        except redis.exceptions.NoScriptError:
            self.ask("SCRIPT LOAD", script)
            return self.ask(*call)

    def close(self) -> None:
        self._connection.disconnect()

    def _send(self, *commands: Command) -> None:
        self._read_last_replies()
        if not self._is_open():
            self._connection.disconnect()
        for command in commands:
            self._connection.send_command(*command)

    def _read_last_replies(self) -> None:
        unread, self._unread = self._unread, 0
        for _ in range(unread):
            try:
                self._connection.read_response()
            except redis.ResponseError as error:
                self._failed(error)
            except redis.RedisError as error:
                self._failed(error)
                return

    def _is_open(self) -> bool:
        """Whether the server has neither closed it nor sent anything that nobody asked for."""
        try:
            return self._connection.is_connected and not self._connection.can_read()
        except redis.ConnectionError:
            return False


@cache
def digest(script: str) -> str:
    """The name under which Redis keeps a script."""
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


@cache
def connection(url: str, password: Callable[[], str] | None = None) -> RedisConnection:
    """The shared connection for a URL.

    `password` returns a password each time that it opens, for the user in the URL.
    """
    options: dict[str, Any] = {}
    if password:
        parts = urlsplit(url)
        options["credential_provider"] = _Credentials(parts.username or "", password)
        # The library takes either a user or a provider.
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    # The library's defaults, five seconds and ten retries, would use up a function's whole timeout.
    pool = redis.ConnectionPool.from_url(
        url,
        decode_responses=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), retries=1),
        health_check_interval=TRUSTED_SECONDS,
        **options,
    )
    return RedisConnection(pool.make_connection())


class _Credentials(redis.CredentialProvider):
    def __init__(self, user: str, password: Callable[[], str]) -> None:
        self._user = user
        self._password = password

    def get_credentials(self) -> tuple[str, str]:
        return self._user, self._password()
