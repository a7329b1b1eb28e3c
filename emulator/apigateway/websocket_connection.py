"""One client's connection to a WebSocket API: its socket, its limits, its outbox, its end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web
from aiohttp.http import WebSocketError, WebSocketReader, WebSocketWriter, WSCloseCode

from emulator.apigateway.gateway import Json, short_id
from emulator.common.errors import ApiError

MAX_MESSAGE = 128 * 1024  # bytes
MAX_FRAME = 32 * 1024  # bytes
# A client that sends faster than its messages are handled is read no further than this many ahead.
MAX_AHEAD = 100


class End:
    """Why a connection ended: WebSocket close code and reason, as `$disconnect` learns them."""

    GOING_AWAY = (1001, "Going away")
    DELETED = (1000, "Connection Closed Normally")
    LOST = (1006, "Connection Closed Abnormally")
    NO_STATUS = (1005, "Client-side close frame status not set")
    BINARY = (1003, "Binary frames are not supported")


@dataclass(frozen=True)
class Limits:
    """Times in seconds, sizes in bytes. `outbox` bounds what one client may leave unread."""

    idle: float = 600
    lifetime: float = 7200
    outbox: int = 4 * 1024 * 1024
    closing: float = 5


class _Reader(WebSocketReader):
    gone: asyncio.Event

    def _handle_frame(self, fin: bool, opcode: int, payload: bytes | bytearray, compressed: int) -> None:
        if len(payload) > MAX_FRAME:
            raise WebSocketError(WSCloseCode.MESSAGE_TOO_BIG, f"Frame of {len(payload)} bytes exceeds {MAX_FRAME}")
        super()._handle_frame(fin, opcode, payload, compressed)

    def feed_eof(self) -> None:
        super().feed_eof()
        self.gone.set()


class _Socket(web.WebSocketResponse):
    """aiohttp's WebSocket with a limit on frames, too, and an event for the end of the TCP connection."""

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter) -> None:
        super()._post_start(request, protocol, writer)
        assert self._reader is not None
        reader = _Reader(self._reader, MAX_MESSAGE + 1, compress=False, decode_text=True)
        self.gone = reader.gone = asyncio.Event()
        self._parser = request.protocol._payload_parser = reader

    def _close_transport(self) -> None:
        # Closed while the client still sends, the connection would be reset and the close frame lost.
        if isinstance(self._exception, WebSocketError) and self._req and self._req.transport:
            self._req.transport.write_eof()
        else:
            super()._close_transport()


class Connection:
    """A client's handshake while `$connect` decides, then, once open, a WebSocket until `serve` returns.

    Frames are written to the transport at once: its buffer is the outbox, and sending never waits for the client.
    """

    def __init__(self, request: web.BaseRequest, limits: Limits, clock: Callable[[], float]) -> None:
        self.id = short_id()
        self.host = request.headers.get("Host", "")
        self.identity = {"userAgent": request.headers.get("User-Agent"), "sourceIp": request.remote}
        self.authorizer: Json | None = None
        self.connected_at = time.time_ns() // 1_000_000
        self.end = End.LOST
        self._limits = limits
        self._clock = clock
        self._connected = self._last_active = clock()
        self._closing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def open(self, request: web.BaseRequest, protocols: tuple[str, ...]) -> None:
        """Answers the handshake. Raises `ConnectionError` where the client has gone."""
        self.socket = _Socket(
            protocols=protocols, timeout=self._limits.closing, autoping=False, compress=False, writer_limit=sys.maxsize
        )
        await self.socket.prepare(request)
        if request.transport is None:
            raise ConnectionResetError
        self._transport = request.transport
        self._watch()

    async def serve(self, handle: Callable[[str], Awaitable[None]]) -> None:
        """Has the client's text messages handled one after another, until the connection ends and all are handled."""
        ahead: deque[str] = deque()
        worker: asyncio.Task[None] | None = None

        async def work() -> None:
            while ahead:
                await handle(ahead.popleft())

        try:
            async for message in self._messages():
                ahead.append(message)
                if worker is None or worker.done():
                    worker = asyncio.create_task(work())
                if len(ahead) >= MAX_AHEAD:
                    await asyncio.wait({worker})
        finally:
            if self._timer:
                self._timer.cancel()
            if worker:
                await worker

    async def gone(self) -> None:
        """Waits, but not for long, until the client has closed its side as well."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.closing):
                await self.socket.gone.wait()

    async def _messages(self) -> AsyncIterator[str]:
        while True:
            message = await self.socket.receive()
            self._last_active = self._clock()
            match message.type:
                case WSMsgType.TEXT:
                    yield message.data
                case WSMsgType.PING if self._transport.get_write_buffer_size() < self._limits.outbox:
                    await self.socket.pong(message.data)
                case WSMsgType.PING | WSMsgType.PONG:
                    pass
                case WSMsgType.BINARY:
                    self.close(End.BINARY)
                case kind:
                    if not self._closing:
                        self.end = _end(kind, message.data, message.extra)
                    return

    async def send(self, data: bytes) -> None:
        """Sends a text frame, or a binary one if `data` is no UTF-8, without waiting for the client.

        Raises `ApiError`: 410 `GoneException` once the connection has ended, 429 `LimitExceededException` while the
        client leaves more unread than the outbox holds.
        """
        if self._closing or self._transport.is_closing():
            raise ApiError("GoneException", f"There is no connection {self.id!r}.", 410)
        if self._transport.get_write_buffer_size() + len(data) > self._limits.outbox:
            raise ApiError("LimitExceededException", f"The client leaves {self._limits.outbox} bytes unread.", 429)
        self._last_active = self._clock()
        await self.socket.send_frame(data, WSMsgType.TEXT if _is_text(data) else WSMsgType.BINARY)

    def close(self, end: tuple[int, str]) -> None:
        """Closes with a code and a reason, unless the connection is closing already."""
        if self._closing is None:
            self.end = end
            self._closing = asyncio.create_task(self._close(*end))

    async def _close(self, code: int, reason: str) -> None:
        await self.socket.close(code=code, message=reason.encode(), drain=False)
        if self._transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(self._limits.closing, self._transport.abort)

    def describe(self) -> Json:
        """What GetConnection answers."""
        active = self.connected_at + (self._last_active - self._connected) * 1000
        return {
            "connectedAt": _iso(self.connected_at),
            "identity": {"sourceIp": self.identity["sourceIp"], "userAgent": self.identity["userAgent"] or ""},
            "lastActiveAt": _iso(active),
        }

    def _watch(self) -> None:
        due = min(self._last_active + self._limits.idle, self._connected + self._limits.lifetime)
        left = due - self._clock()
        if left > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._watch)
        else:
            self.close(End.GOING_AWAY)


def is_handshake(request: web.BaseRequest) -> bool:
    """Whether the request is a valid WebSocket handshake."""
    asked = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    return bool(web.WebSocketResponse(protocols=asked).can_prepare(request))


def _end(kind: WSMsgType, data: Any, extra: str | None) -> tuple[int, str]:
    match kind, data:
        case WSMsgType.CLOSE, 0:
            return End.NO_STATUS
        case WSMsgType.CLOSE, code:
            return int(code), extra or ""
        case WSMsgType.ERROR, WebSocketError(code=code):
            return code, str(data)
    return End.LOST


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _iso(epoch_ms: float) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
