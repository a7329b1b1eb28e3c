"""One Postgres connection for each Lambda environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple, TypeAlias, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from order_engine.domain.errors import StoreUnavailable

Connection: TypeAlias = psycopg.Connection[DictRow]
Parameters = Mapping[str, Any]
T = TypeVar("T")


class Database:
    """A connection that opens with the first statement, and again if the server has closed it in the meantime.

    `password` returns a password for each new connection, instead of that in the URL. Statements outside
    `transaction()` commit by themselves. `warn` logs details that must not reach clients. Raises `StoreUnavailable`
    when Postgres does not answer.
    """

    def __init__(
        self,
        url: str,
        prepared_statements: bool = True,
        warn: Callable[[str], None] = lambda message: None,
        password: Callable[[], str] | None = None,
    ) -> None:
        self._url = url
        self._password = password
        self._warn = warn
        self._prepare_threshold = 2 if prepared_statements else None
        self._connection: Connection | None = None
        self._connecting = Lock()

    def fetch(self, statement: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
        """The rows of a single statement.

        If the connection is lost, the statement is sent once more on a new one, perhaps after it was executed: it must
        be harmless when repeated.
        """
        return self._execute(statement, parameters).fetchall()

    def execute(self, statement: str, parameters: Parameters | None = None) -> None:
        """Like `fetch`, for a statement without rows."""
        self._execute(statement, parameters)

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Cursor[DictRow]]:
        """A transaction that commits at the end of the block and rolls back on any exception."""
        cursor = self._with_reconnect(lambda connection: connection.execute("BEGIN"))
        with self._translated(cursor.connection):
            try:
                yield cursor
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _execute(self, statement: str, parameters: Parameters | None) -> psycopg.Cursor[DictRow]:
        return self._with_reconnect(lambda connection: connection.execute(statement.encode(), parameters))

    def _with_reconnect(self, action: Callable[[Connection], T]) -> T:
        """Tries the action again on a new connection if the existing one is lost."""
        connection, reused = self._connected()
        try:
            with self._translated(connection):
                return action(connection)
        except StoreUnavailable:
            if not reused:
                raise
        connection, _ = self._connected()
        with self._translated(connection):
            return action(connection)

    def _connected(self) -> tuple[Connection, bool]:
        """The connection, and whether it existed before."""
        # Several threads quote venues at once, and each may send the first statement.
        with self._connecting, self._translated():
            if self._connection is not None and not self._connection.closed:
                return self._connection, True
            self._connection = psycopg.connect(
                checked(self._url),
                autocommit=True,
                row_factory=dict_row,
                connect_timeout=3,
                tcp_user_timeout=5_000,
                prepare_threshold=self._prepare_threshold,
                password=self._password() if self._password else None,
            )
            return self._connection, False

    @contextmanager
    def _translated(self, connection: Connection | None = None) -> Iterator[None]:
        """Translates psycopg's errors, and closes the connection that failed."""
        try:
            yield
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if connection is not None:
                with connection.lock:
                    connection.close()
            # Clients may see the error, so only the log says where Postgres is and how it refuses.
            self._warn(f"Postgres does not answer: {str(error).strip()}")
            raise StoreUnavailable("Postgres does not answer") from error


def checked(url: str) -> str:
    """The URL, if psycopg can read it. Raises `ValueError` that hides the URL: it contains a password."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ValueError("expected DATABASE_URL to be like postgresql://user:password@host:5432/database") from None
    return url


class Address(NamedTuple):
    """Where a database is, and the user who connects."""

    host: str
    port: int
    user: str


def address(url: str) -> Address:
    """The address in a URL. Raises `ValueError` if it names no user or no host."""
    parts = conninfo_to_dict(checked(url))
    host, user = parts.get("host"), parts.get("user")
    if not host or not user:
        raise ValueError("expected DATABASE_URL to name a user and a host")
    return Address(str(host), int(parts.get("port") or 5432), str(user))
