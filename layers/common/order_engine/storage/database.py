"""One Postgres connection for each Lambda environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any, NamedTuple, TypeAlias, TypeVar

import psycopg
from psycopg import generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from order_engine.domain.errors import StoreUnavailable

Parameters: TypeAlias = Mapping[str, Any]
Query: TypeAlias = tuple[str, Parameters]
"""A statement and its parameters."""
Rows: TypeAlias = list[dict[str, Any]]
T = TypeVar("T")

_LOST = (psycopg.OperationalError, psycopg.InterfaceError)

_PARAMETER = re.compile(r"%\((\w+)\)s")


class Database:
    """A connection that opens with the first statement, and again if the server has closed it in the meantime.

    `password` returns a password for each new connection, instead of that in the URL. Statements outside
    `transaction()` commit by themselves. `warn` logs details that must not reach clients. Raises `StoreUnavailable`
    when Postgres does not answer. Threads may share it: their statements wait for each other.

    Parameters are psycopg's `%(name)s`. Postgres infers their types, so a cast must say what the context does not.
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
        self._prepared_statements = prepared_statements
        self._session: _Session | None = None
        self._lock = RLock()

    def fetch(self, statement: str, parameters: Parameters | None = None) -> Rows:
        """The rows of a single statement.

        If the connection is lost, the statement is sent once more on a new one, perhaps after it was executed: it must
        be harmless when repeated.
        """
        return self._with_reconnect(lambda session: session.fetch(statement, parameters or {}))

    def fetch_all(self, *queries: Query) -> list[Rows]:
        """The rows of each of these statements, in one round trip and one transaction. Repeated as by `fetch`."""
        return self._with_reconnect(lambda session: session.fetch_all(queries))

    def execute(self, statement: str, parameters: Parameters | None = None) -> None:
        """Like `fetch`, for a statement without rows."""
        self.fetch(statement, parameters)

    @contextmanager
    def transaction(self, *queries: Query) -> Iterator[list[Rows]]:
        """The rows of each of these statements, in one round trip, in a transaction that is open during the block.

        Commits at the end of the block and rolls back on any exception.
        """
        begin = ("BEGIN", {}), *queries
        with self._lock:
            try:
                session, (_, *rows) = self._with_reconnect(lambda session: (session, session.fetch_all(begin)))
                yield rows
            except BaseException:
                if self._session is not None and self._session.in_transaction:
                    self._end(self._session, "ROLLBACK")
                raise
            self._end(session, "COMMIT")

    def close(self) -> None:
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    def _end(self, session: _Session, statement: str) -> None:
        try:
            session.fetch(statement, {})
        except _LOST as error:
            raise self._unavailable(error) from error

    def _with_reconnect(self, action: Callable[[_Session], T]) -> T:
        """Tries the action again on a new connection if the existing one is lost, unless a transaction is lost too."""
        with self._lock:
            if self._session is not None:
                in_transaction = self._session.in_transaction
                try:
                    return action(self._session)
                except _LOST as error:
                    unavailable = self._unavailable(error)
                    if in_transaction:
                        raise unavailable from error
            try:
                self._session = self._connect()
                return action(self._session)
            except _LOST as error:
                raise self._unavailable(error) from error

    def _connect(self) -> _Session:
        connection = psycopg.connect(
            checked(self._url),
            autocommit=True,
            connect_timeout=3,
            tcp_user_timeout=5_000,
            password=self._password() if self._password else None,
        )
        return _Session(connection, self._prepared_statements)

    def _unavailable(self, error: psycopg.Error) -> StoreUnavailable:
        """Closes the connection that failed."""
        self.close()
        # Clients may see the error, so only the log says where Postgres is and how it refuses.
        self._warn(f"Postgres does not answer: {str(error).strip()}")
        return StoreUnavailable("Postgres does not answer")


class _Statement:
    """A statement as libpq takes it: `$1`, `$2`, … for the parameters, whose names are in that order."""

    __slots__ = ("columns", "formats", "name", "names", "prepared", "text")

    def __init__(self, name: str, statement: str) -> None:
        places: dict[str, str] = {}
        text = _PARAMETER.sub(lambda found: places.setdefault(found[1], f"${len(places) + 1}"), statement)
        self.text = text.encode()
        self.names = tuple(places)
        self.formats = [PyFormat.TEXT] * len(places)
        self.name = name.encode()
        self.prepared = False
        self.columns: tuple[str, ...] = ()


class _Session:
    """An open connection and the statements that it knows. Calls libpq, since a cursor costs most of a statement."""

    def __init__(self, connection: psycopg.Connection, prepares: bool) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._prepares = prepares
        self._statements: dict[str, _Statement] = {}
        self._transformer = Transformer(connection)

    @property
    def in_transaction(self) -> bool:
        return self._libpq.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    def close(self) -> None:
        self._connection.close()

    def fetch(self, statement: str, parameters: Parameters) -> Rows:
        known, values = self._bound(statement, parameters)
        if known.prepared:
            return self._rows(known, self._libpq.exec_prepared(known.name, values))
        return self._rows(known, self._libpq.exec_params(known.text, values))

    def fetch_all(self, queries: Sequence[Query]) -> list[Rows]:
        bound = [self._bound(*query) for query in queries]
        libpq = self._libpq
        try:
            libpq.enter_pipeline_mode()
            for known, values in bound:
                if known.prepared:
                    libpq.send_query_prepared(known.name, values)
                else:
                    libpq.send_query_params(known.text, values)
            libpq.pipeline_sync()
            # Unlike libpq, psycopg lets other threads run while it waits.
            *results, _ = [self._connection.wait(generators.fetch_many(libpq)) for _ in range(len(bound) + 1)]
            libpq.exit_pipeline_mode()
        except BaseException:
            # Results may be left that the next statement would take for its own.
            self.close()
            raise
        return [self._rows(known, result) for (known, _), (result,) in zip(bound, results, strict=True)]

    def _bound(self, statement: str, parameters: Parameters) -> tuple[_Statement, Sequence[Any]]:
        """The statement, prepared if it is not the first time, and the values of its parameters."""
        known = self._statements.get(statement)
        if known is None:
            known = self._statements[statement] = _Statement(f"s{len(self._statements)}", statement)
        elif self._prepares and not known.prepared:
            self._check(self._libpq.prepare(known.name, known.text))
            known.prepared = True
        return known, self._transformer.dump_sequence([parameters[name] for name in known.names], known.formats)

    def _rows(self, known: _Statement, result: PGresult) -> Rows:
        self._check(result)
        count = result.ntuples
        if not count:
            return []
        if not known.columns:
            known.columns = tuple((result.fname(index) or b"").decode() for index in range(result.nfields))
        columns = known.columns
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, count, lambda values: dict(zip(columns, values, strict=True)))

    def _check(self, result: PGresult) -> None:
        if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            return
        # An error without a state comes from libpq: the connection broke, even where it does not count as bad yet.
        if self._libpq.status == ConnStatus.BAD or result.error_field(DiagnosticField.SQLSTATE) is None:
            raise psycopg.OperationalError(result.get_error_message())
        raise error_from_result(result)


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
