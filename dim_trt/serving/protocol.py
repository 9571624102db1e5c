"""HTTP/1.1 by uvicorn and h11, and what these leave open: how many connections, and how slow a client may be."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from dim_trt.serving.refusals import json_error
from dim_trt.serving.settings import Settings

LINGER_S = 2.0  # what a client still sends is read for so long: it would lose the answer, were the connection cut


def protocol_for(settings: Settings) -> type[asyncio.Protocol]:
    """A class of connections that keep these settings."""

    class Connection(H11Protocol):
        _head: asyncio.TimerHandle | None = None
        _reader: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(_Lingering(transport, self.loop))  # type: ignore[arg-type]
            self.access_log = False  # the application has one, without what clients call their pictures
            if len(self.connections) > settings.connections:
                self._leave(503, "the service is busy: it has as many connections as it takes; try again")
            else:
                self._wait_for_head()

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            super().data_received(data)
            if self._is_idle():
                self._wait_for_head()
            elif self._head is not None:
                self._head.cancel()
                self._head = None

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._head, self._reader):
                if timer is not None:
                    timer.cancel()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._wait_for_reader(self.transport.get_write_buffer_size())

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._reader is not None:
                self._reader.cancel()

        def send_400_response(self, msg: str) -> None:
            self._leave(400, "the request cannot be read: expected HTTP/1.1 with a head of at most 64 KiB")

        def _is_idle(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _wait_for_head(self) -> None:
            if self._head is None:
                self._head = self.loop.call_later(settings.header_s, self._too_slow)

        def _too_slow(self) -> None:
            self._head = None
            if self._is_idle():
                self._leave(408, f"the request is too slow: its head did not arrive in {settings.header_s:g} s")

        def _wait_for_reader(self, unread_bytes: int) -> None:
            def look() -> None:
                left = self.transport.get_write_buffer_size()
                if left < unread_bytes:
                    self._wait_for_reader(left)
                else:
                    self.transport.abort()

            self._reader = self.loop.call_later(settings.send_s, look)

        def _leave(self, status: int, sentence: str) -> None:
            """Says it and closes, outside of any request."""
            if self.transport.is_closing():
                return
            body = json_error(sentence)
            head = (
                f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
            self.transport.close()

    return Connection


class _Lingering:
    """A transport that, once closed, ends what it sends and reads on for a moment."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop):
        self._transport, self._loop, self._is_closed = transport, loop, False

    def close(self) -> None:
        if self.is_closing():
            return
        self._is_closed = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER_S, self._transport.close)

    def is_closing(self) -> bool:
        return self._is_closed or bool(self._transport.is_closing())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
