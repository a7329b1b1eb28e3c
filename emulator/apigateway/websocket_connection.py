"""A client's connection to a WebSocket API: its socket, its limits and its end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import h11
from aiohttp import web
from wsproto.connection import Connection as WebSocket
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, Request, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.handshake import H11Handshake
from wsproto.utilities import RemoteProtocolError

from emulator.apigateway.gateway import Json, short_id
from emulator.common.errors import ApiError

MAX_MESSAGE = 128 * 1024  # bytes
MAX_FRAME = 32 * 1024  # bytes
# Reading from the client stops while this many of its messages are being handled.
MAX_RUNNING = 100

_HANDSHAKE_HEADERS = {
    b"connection",
    b"host",
    b"sec-websocket-key",
    b"sec-websocket-protocol",
    b"sec-websocket-version",
    b"upgrade",
}


class End:
    """The reasons why a connection ends, as `$disconnect` gets them: close code and reason."""

    GOING_AWAY = (1001, "Going away")
    DELETED = (1000, "Connection Closed Normally")
    LOST = (1006, "Connection Closed Abnormally")
    NO_STATUS = (1005, "Client-side close frame status not set")
    BINARY = (1003, "Binary frames are not supported")


@dataclass(frozen=True)
class Limits:
    """Limits of a connection. Times are in seconds, sizes in bytes; `outbox` limits what a client leaves unread."""

    idle: float = 600
    lifetime: float = 7200
    outbox: int = 4 * 1024 * 1024
    closing: float = 5


class Handshake:
    """A client's handshake. Raises ValueError if the request is not one."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._handshake = H11Handshake(ConnectionType.SERVER)
        headers = [(name, value) for name, value in request.raw_headers if name.lower() in _HANDSHAKE_HEADERS]
        try:
            self._handshake.initiate_upgrade_connection(headers, "/")
            (event,) = self._handshake.events()
        except (h11.ProtocolError, RemoteProtocolError, UnicodeError) as error:
            raise ValueError(str(error)) from None
        assert isinstance(event, Request)
        key = base64.b64decode(request.headers["Sec-WebSocket-Key"], validate=True)
        if len(key) != 16:
            raise ValueError(f"expected a key of 16 bytes, was {len(key)}")
        self._protocols = event.subprotocols

    def accept(self, protocols: tuple[str, ...]) -> tuple[bytes, WebSocket]:
        """Returns the answer, with the first of `protocols` that the client offers, and the open WebSocket."""
        subprotocol = next((protocol for protocol in protocols if protocol in self._protocols), None)
        answer = self._handshake.send(AcceptConnection(subprotocol=subprotocol))
        assert self._handshake.connection is not None
        return answer, self._handshake.connection


class Connection(asyncio.Protocol):
    """A client's connection: first a handshake, then, after `open`, a WebSocket until `serve` returns.

    Frames are written to the transport at once. Its buffer is the outbox, so that sending never waits for the client.
    """

    def __init__(self, request: web.BaseRequest, limits: Limits, clock: Callable[[], float]) -> None:
        self.id = short_id()
        self.host = request.headers.get("Host", "")
        self.identity = {"userAgent": request.headers.get("User-Agent"), "sourceIp": request.remote}
        self.authorizer: Json | None = None
        self.connected_at = time.time_ns() // 1_000_000
        self.end = End.LOST
        self.received = self.sent = 0  # messages
        self._limits = limits
        self._clock = clock
        self._connected = self._last_active = clock()
        self._messages: asyncio.Queue[str | None] = asyncio.Queue()  # None comes last
        self._running: set[asyncio.Task[None]] = set()
        self._parts: list[str] = []
        self._message_size = self._frame_size = 0
        self._ended = False
        self._failed = False
        self._gone = asyncio.Event()
        self._gone.set()
        self._timer: asyncio.TimerHandle | None = None

    def open(self, request: web.BaseRequest, handshake: Handshake, protocols: tuple[str, ...]) -> None:
        """Answers the handshake and takes over the request's transport. Raises ConnectionError if the client has gone.

        What a client sends before it has the answer, which RFC 6455 forbids, is lost.
        """
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        answer, self._socket = handshake.accept(protocols)
        self._transport = transport
        self._http = request.protocol
        self._gone.clear()
        transport.set_protocol(self)
        transport.write(answer)
        self._watch()

    async def serve(self, handle: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        """Begins to handle each text message of the client as it comes, until the connection ends."""
        try:
            while (message := await self._messages.get()) is not None:
                task = asyncio.create_task(handle(message))
                self._running.add(task)
                task.add_done_callback(self._handled)
                await asyncio.sleep(0)  # invocations begin in the order of the messages, and before `$disconnect`
        finally:
            if self._timer:
                self._timer.cancel()

    async def handled(self) -> None:
        """Waits until every message is handled."""
        while self._running:
            await asyncio.wait(self._running)

    async def gone(self) -> None:
        """Waits until the client has closed its side too, but not longer than the limit `closing`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.closing):
                await self._gone.wait()

    async def send(self, data: bytes) -> None:
        """Sends a text frame, or a binary one if `data` is not UTF-8, without waiting for the client.

        Raises ApiError: 410 `GoneException` once the connection has ended, 429 `LimitExceededException` while the
        client leaves more unread than the outbox holds.
        """
        if self._ended or self._transport.is_closing():
            raise ApiError("GoneException", f"There is no connection {self.id!r}.", 410)
        if self._transport.get_write_buffer_size() + len(data) > self._limits.outbox:
            raise ApiError("LimitExceededException", f"The client leaves {self._limits.outbox} bytes unread.", 429)
        self._last_active = self._clock()
        self.sent += 1
        self._write(_message(data))

    def close(self, end: tuple[int, str]) -> None:
        """Closes with a code and a reason, unless the connection has ended already."""
        if not self._ended:
            self._finish(end)
            self._write(CloseConnection(*end))

    # What the transport calls

    def data_received(self, data: bytes) -> None:
        if not self._failed and self._socket.state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            self._socket.receive_data(data)
            for event in self._socket.events():
                self._last_active = self._clock()
                self._receive(event)
                if self._failed:
                    break
        if self._busy() and not self._transport.is_closing():
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._ended:
            self._finish(End.LOST)
        self._gone.set()
        self._http.connection_lost(error)

    def _busy(self) -> bool:
        return self._messages.qsize() + len(self._running) >= MAX_RUNNING

    def _handled(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not self._busy() and not self._transport.is_closing():
            self._transport.resume_reading()

    def _receive(self, event: Event) -> None:
        match event:
            case CloseConnection(code=code, reason=reason):
                self._receive_close(code, reason or "")
            case _ if self._ended:
                pass
            case TextMessage(data=text):
                self._receive_text(text, event.frame_finished, event.message_finished)
            case BytesMessage():
                self.close(End.BINARY)
            case Ping() if self._transport.get_write_buffer_size() < self._limits.outbox:
                self._write(event.response())

    def _receive_text(self, text: str, frame_finished: bool, message_finished: bool) -> None:
        size = len(text.encode())
        self._frame_size += size
        self._message_size += size
        if self._frame_size > MAX_FRAME:
            self._fail(CloseReason.MESSAGE_TOO_BIG, f"Frame exceeds {MAX_FRAME} bytes")
            return
        if self._message_size > MAX_MESSAGE:
            self._fail(CloseReason.MESSAGE_TOO_BIG, f"Message exceeds {MAX_MESSAGE} bytes")
            return
        self._parts.append(text)
        if frame_finished:
            self._frame_size = 0
        if message_finished:
            self.received += 1
            self._messages.put_nowait("".join(self._parts))
            self._parts.clear()
            self._message_size = 0

    def _receive_close(self, code: int, reason: str) -> None:
        if self._socket.state is ConnectionState.REMOTE_CLOSING:
            if not self._ended:
                self._finish(End.NO_STATUS if code == CloseReason.NO_STATUS_RCVD else (int(code), reason))
            self._write(CloseConnection(code, reason))
            self._transport.close()
        elif self._socket.state is ConnectionState.CLOSED:
            self._transport.close()
        elif not self._ended:
            self._fail(code, reason)

    def _fail(self, code: int, reason: str) -> None:
        """Closes because the client breaks a rule, and ignores everything that it still sends."""
        self._failed = True
        self.close((int(code), reason))
        # The client would not get the close frame if the transport closed while it still sends.
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _finish(self, end: tuple[int, str]) -> None:
        self._ended = True
        self.end = end
        self._messages.put_nowait(None)
        asyncio.get_running_loop().call_later(self._limits.closing, self._transport.abort)

    def _write(self, event: Event) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._socket.send(event))

    @property
    def last_active_at(self) -> float:
        """Returns when something was last sent or received, in milliseconds since the epoch."""
        return self.connected_at + (self._last_active - self._connected) * 1000

    def describe(self) -> Json:
        """Returns the answer of GetConnection."""
        return {
            "connectedAt": _iso(self.connected_at),
            "identity": {"sourceIp": self.identity["sourceIp"], "userAgent": self.identity["userAgent"] or ""},
            "lastActiveAt": _iso(self.last_active_at),
        }

    def _watch(self) -> None:
        due = min(self._last_active + self._limits.idle, self._connected + self._limits.lifetime)
        left = due - self._clock()
        if left > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._watch)
        else:
            self.close(End.GOING_AWAY)


class Switched(web.StreamResponse):
    """The response to a request whose connection no longer speaks HTTP. Nothing is sent."""

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


def _message(data: bytes) -> TextMessage | BytesMessage:
    try:
        return TextMessage(data=data.decode())
    except UnicodeDecodeError:
        return BytesMessage(data=data)


def _iso(epoch_ms: float) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
