"""The client for programs without asyncio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from order_engine_client.asynchronous import AsyncClient

P = ParamSpec("P")
T = TypeVar("T")


def _waits(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Client, P], T]:
    @wraps(method)
    def waiting(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        async def answer() -> T:
            return await method(self._client, *args, **kwargs)

        return self._wait_for(answer)

    return waiting


def _iterates(
    method: Callable[Concatenate[AsyncClient, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[Client, P], Iterator[T]]:
    @wraps(method)
    def iterating(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        values = method(self._client, *args, **kwargs)
        try:
            while True:
                yield self._wait_for(values.__anext__)
        except StopAsyncIteration:
            return
        except GeneratorExit:
            self._wait_for(values.aclose)
            raise

    return iterating


class Client:
    """As `AsyncClient`, used in `with`; its methods wait for the answer. Several threads may share one.

    The requests run on an event loop in a thread of their own, so that connections stay alive between two calls, and a
    notebook, which has an event loop itself, can use it.
    """

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        self._client = AsyncClient(url, key)
        self._portal: BlockingPortal

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._portal = stack.enter_context(start_blocking_portal())
            stack.enter_context(self._portal.wrap_async_context_manager(self._client))
            self._running = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def _wait_for(self, call: Callable[[], Awaitable[T]]) -> T:
        answer = self._portal.start_task_soon(call)
        try:
            return answer.result()
        except KeyboardInterrupt:
            answer.cancel()
            raise

    quote = _waits(AsyncClient.quote)
    submit = _waits(AsyncClient.submit)
    submit_signed = _waits(AsyncClient.submit_signed)
    order = _waits(AsyncClient.order)
    orders = _waits(AsyncClient.orders)
    all_orders = _iterates(AsyncClient.all_orders)
    fills = _waits(AsyncClient.fills)
    balances = _waits(AsyncClient.balances)
    order_counts = _waits(AsyncClient.order_counts)
    timings = _waits(AsyncClient.timings)
    active_orders = _waits(AsyncClient.active_orders)
    replace = _waits(AsyncClient.replace)
    cancel = _waits(AsyncClient.cancel)
    cancel_all = _waits(AsyncClient.cancel_all)
    events = _iterates(AsyncClient.events)
    ended = _waits(AsyncClient.ended)
    market = _waits(AsyncClient.market)
    wallet = _waits(AsyncClient.wallet)
    tokens = _waits(AsyncClient.tokens)
    pools = _waits(AsyncClient.pools)
