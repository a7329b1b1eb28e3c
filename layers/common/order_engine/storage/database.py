"""One Postgres connection for each Lambda environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from order_engine.domain.errors import StoreUnavailable

Parameters = Mapping[str, Any]


class Database:
    """Connects at the first statement, and again when the server has closed the connection in the meantime.

    Statements commit by themselves outside `transaction()`. Raises `StoreUnavailable` when Postgres does not answer.
    """

    def __init__(self, url: str, prepared_statements: bool = True) -> None:
        self._url = url
        self._prepare_threshold = 2 if prepared_statements else None
        self._connection: psycopg.Connection[DictRow] | None = None

    def fetch(self, statement: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
        """The rows of a statement that stands alone.

        It is sent again once on a new connection if the old one turns out to be lost, possibly after it was carried
        out: it must be harmless when repeated.
        """
        return self._execute(statement, parameters).fetchall()

    def execute(self, statement: str, parameters: Parameters | None = None) -> None:
        """Like `fetch`, for a statement without rows."""
        self._execute(statement, parameters)

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Cursor[DictRow]]:
        """A transaction that commits at the end of the block and rolls back on any exception."""
        with self._translated(), self._connected().transaction(), self._connected().cursor() as cursor:
            yield cursor

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _execute(self, statement: str, parameters: Parameters | None) -> psycopg.Cursor[DictRow]:
        reused = self._connection is not None
        try:
            with self._translated():
                return self._connected().execute(statement.encode(), parameters)
        except StoreUnavailable:
            if not reused:
                raise
        with self._translated():
            return self._connected().execute(statement.encode(), parameters)

    def _connected(self) -> psycopg.Connection[DictRow]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                row_factory=dict_row,
                connect_timeout=3,
                tcp_user_timeout=5_000,
                prepare_threshold=self._prepare_threshold,
            )
        return self._connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            raise StoreUnavailable(f"Postgres does not answer: {str(error).strip()}") from error
