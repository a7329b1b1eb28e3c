"""JSON-RPC over HTTP to the nodes of a cluster: https://solana.com/docs/rpc"""

from __future__ import annotations

import itertools
import json
import logging
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from order_engine.domain.errors import ChainRefused, VenueUnavailable
from order_engine.solana.clusters import cluster_name

if TYPE_CHECKING:
    import urllib3

T = TypeVar("T")

DEADLINE_SECONDS = 2.5
"""How long a call may take, with all nodes and waits."""

LEAST_WAIT = 0.1
"""How many seconds a node that asks to be called again is left alone at least."""

PREFLIGHT_FAILURE = -32002
_REFUSED_BY_ALL = {-32600, -32602, PREFLIGHT_FAILURE, -32003}
"""What is wrong with the call itself: its form, its parameters, its transaction's effects or signatures.

Any other error, such as that of a node that lags behind, may be one node's.
"""

MAX_ANSWER_BYTES = 2**25
"""Some 20 000 pools, for a search. A node that sent more could exhaust the function's memory."""

_AT_ONCE = 10
"""How many connections to a node are kept."""
_CHUNK_BYTES = 2**16
_SECRET_LENGTH = 8
"""A part of a URL beyond its host may be an API key if it is as long."""

_NONSENSE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading an answer raises if it is none."""


class _Failure(Exception):
    after: float | None = None


class RpcError(_Failure):
    """A node refuses a call. `data` is what it adds, such as why a preflight failed."""

    def __init__(self, message: str, code: int, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class _NoAnswer(_Failure):
    """A node does not answer, or with nonsense. It asks to be called again `after` some seconds, if it does."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Nodes:
    """The nodes of one cluster. Another one is called when one is down, busy or behind, or answers nonsense.

    URLs may hold API keys: errors and logs name hosts only.
    """

    def __init__(
        self,
        urls: str,
        cluster: str | None = None,
        deadline: float = DEADLINE_SECONDS,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        """`urls` are separated by commas. A node of another cluster than `cluster`, if that is given, is refused.

        `warn` is told why a node was passed over. Raises `ValueError`.
        """
        self._nodes = [_Node(url.strip()) for url in urls.split(",")]
        self._cluster = cluster
        self._deadline = deadline
        self._warn = warn

    def call(self, method: str, parameters: Sequence[Any], parse: Callable[[Any], T]) -> T:
        """What `parse` makes of a method's result. It raises `LookupError`, `TypeError` or `ValueError` for nonsense.

        Raises `RpcError` if every node refuses the call, or one does for what is wrong with it at any;
        `VenueUnavailable` if no node answers within the deadline; `ChainRefused` for a node of another cluster.
        """
        ends = time.monotonic() + self._deadline
        while True:
            nodes, failures = self._nodes, list[_Failure]()
            for turn, node in enumerate(nodes):
                now = time.monotonic()
                # A node that hangs leaves their share of the time to the others.
                until = now + (ends - now) / (len(nodes) - turn)
                try:
                    self._check_cluster(node, until)
                    result = node.call(method, parameters, parse, until)
                except _Failure as failure:
                    if isinstance(failure, RpcError) and failure.code in _REFUSED_BY_ALL:
                        raise
                    failures.append(failure)
                else:
                    if failures:
                        self._pass_over(nodes[:turn], failures)
                    return result
            waits = [max(failure.after, LEAST_WAIT) for failure in failures if failure.after is not None]
            if not waits or time.monotonic() + min(waits) >= ends:
                break
            time.sleep(min(waits))
        if isinstance(failures[-1], RpcError) and all(isinstance(failure, RpcError) for failure in failures):
            raise failures[-1]
        raise VenueUnavailable(f"{method}: {'; '.join(map(str, failures))}")

    def _check_cluster(self, node: _Node, until: float) -> None:
        if self._cluster is None or node.is_checked:
            return
        cluster = node.call("getGenesisHash", [], cluster_name, until)
        if cluster != self._cluster:
            raise ChainRefused(f"{node.host}: expected a node of {self._cluster}, was one of {cluster}")
        node.is_checked = True

    def _pass_over(self, nodes: Sequence[_Node], failures: Sequence[_Failure]) -> None:
        """Calls these nodes last from now on."""
        self._nodes = [*(node for node in self._nodes if node not in nodes), *nodes]
        for failure in failures:
            self._warn(str(failure))


class _Node:
    """A node, at a URL."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected URLs of nodes such as https://api.devnet.solana.com, separated by commas")
        self.host = parts.netloc.rpartition("@")[2]
        self.is_checked = False
        self._url = urlunsplit(parts._replace(netloc=self.host))
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
        secrets = [
            parts.username,
            parts.password,
            *parts.path.split("/"),
            *(value for _, value in parse_qsl(parts.query)),
        ]
        self._secrets = [part for part in secrets if part and len(part) >= _SECRET_LENGTH]
        self._numbers = itertools.count(1)

    def call(self, method: str, parameters: Sequence[Any], parse: Callable[[Any], T], until: float) -> T:
        """Raises `RpcError` or `_NoAnswer`, by `until` at the latest, which is a time of the monotonic clock."""
        number = next(self._numbers)
        call = {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
        status, after, body = self._exchange(json.dumps(call).encode(), until)
        if status == 429 or status >= 500:
            raise _NoAnswer(f"{self.host}: expected status 200, was {status}", after)
        try:
            answer = json.loads(body)
            error = answer.get("error")
            if error is None:
                if answer["id"] != number:
                    raise ValueError(f"expected id {number}, was {answer['id']!r}")
                return parse(answer["result"])
            message = self._without_secrets(error["message"])
            failure: _Failure = RpcError(
                f"{self.host}: {message} ({error['code']})", int(error["code"]), error.get("data")
            )
        except _NONSENSE as nonsense:
            if status != 200:
                failure = RpcError(f"{self.host}: expected status 200, was {status}", status)
            else:
                reason = self._without_secrets(f"{type(nonsense).__name__}: {nonsense}")
                failure = _NoAnswer(f"{self.host}: expected an answer to {method}, was nonsense: {reason}")
        raise failure

    def _exchange(self, body: bytes, until: float) -> tuple[int, float | None, bytes]:
        """The status of the answer, the seconds of its `Retry-After`, and its body."""
        import urllib3

        try:
            try:
                return self._post(body, until)
            except urllib3.exceptions.ProtocolError:
                # The node may have closed a connection that was kept. A call that is sent twice does nothing twice.
                return self._post(body, until)
        except urllib3.exceptions.HTTPError as error:
            # Not the error itself: it has the URL.
            raise _NoAnswer(f"{self.host}: expected an answer, was {type(error).__name__}") from None

    def _post(self, body: bytes, until: float) -> tuple[int, float | None, bytes]:
        import urllib3

        left = until - time.monotonic()
        if left <= 0:
            raise _NoAnswer(f"{self.host}: expected time for a call, was none left")
        response = _http().request(
            *("POST", self._url),
            body=body,
            headers=self._headers,
            timeout=urllib3.Timeout(total=left),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        retry_after = response.headers.get("Retry-After", "")
        chunks, size = list[bytes](), 0
        try:
            # A timeout of a socket is for each of its chunks.
            socket = getattr(response.connection, "sock", None)
            while chunk := response.read1(_CHUNK_BYTES):
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_ANSWER_BYTES:
                    raise _NoAnswer(
                        f"{self.host}: expected an answer of at most {MAX_ANSWER_BYTES} bytes, was a larger one"
                    )
                left = until - time.monotonic()
                if left <= 0:
                    raise _NoAnswer(f"{self.host}: expected the whole answer in time, was a part of it")
                if socket is not None:
                    socket.settimeout(left)
        finally:
            response.close()
        return response.status, float(retry_after) if retry_after.isdecimal() else None, b"".join(chunks)

    def _without_secrets(self, text: object) -> str:
        """The beginning of a text from a node, without what may be an API key."""
        shown = str(text)
        for secret in self._secrets:
            shown = shown.replace(secret, "…")
        return shown[:200]


@cache
def _http() -> urllib3.PoolManager:
    import urllib3

    # When it debugs, it logs the paths and queries of URLs.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
    return urllib3.PoolManager(maxsize=_AT_ONCE)
