"""The bodies of requests, in memory and in time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from starlette.types import Receive

from dim_trt.serving.refusals import Gone, Refusal, too_large
from dim_trt.serving.settings import Settings


class Bodies:
    """Reads them; all that are held together have a bound, and a client that is too slow is left."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self.held_bytes = 0

    @contextlib.asynccontextmanager
    async def read(self, receive: Receive) -> AsyncIterator[bytes]:
        """The body, whole, which counts as held until the end of the block.

        Raises:
            Refusal: it is too large or too slow, or there is no memory for it now.
            Gone: the client leaves before its end.
        """
        body = bytearray()
        try:
            await self._into(body, receive)
            yield bytes(body)
        finally:
            self.held_bytes -= len(body)

    async def _into(self, body: bytearray, receive: Receive) -> None:
        settings, started, is_more = self._settings, time.monotonic(), True
        while is_more:
            left_s = started + settings.body_s + len(body) / settings.bytes_per_s - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(left_s, 0.0))
            except (TimeoutError, asyncio.TimeoutError):  # two classes in Python 3.10
                sentence = f"the request is too slow: its body did not arrive in {settings.body_s:g} s"
                raise Refusal(408, sentence, "slow", {"Connection": "close"}) from None
            if message["type"] == "http.disconnect":
                raise Gone
            chunk: bytes = message.get("body", b"")
            if len(body) + len(chunk) > settings.max_body_bytes:
                raise too_large(settings.max_body_bytes)
            if self.held_bytes + len(chunk) > settings.held_bytes:
                sentence = "the service is busy: it holds as many requests as it has memory for; try again"
                raise Refusal(503, sentence, "memory", {"Retry-After": "1", "Connection": "close"})
            self.held_bytes += len(chunk)
            body += chunk
            is_more = message.get("more_body", False)
