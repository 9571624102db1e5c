"""Runs the application until it is told to stop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from dim_trt.errors import InvalidInput
from dim_trt.serving.protocol import protocol_for
from dim_trt.serving.settings import Settings

HEAD_BYTES = 1 << 16


class Server(uvicorn.Server):
    """Says when it listens, and on which port."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[int], None]):
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            self._listening(self.servers[0].sockets[0].getsockname()[1])


def server_for(app: ASGIApp, settings: Settings, port: int, listening: Callable[[int], None]) -> Server:
    """A server of one process; `run` and `should_exit` are uvicorn's."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        http=protocol_for(settings),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_graceful_shutdown=settings.stop_s,
    )
    return Server(config, listening)


def run(app: ASGIApp, settings: Settings, port: int, listening: Callable[[int], None]) -> None:
    """Until SIGINT or SIGTERM; what runs then is finished.

    Raises:
        InvalidInput: nothing can listen on this host and port.
    """
    server = server_for(app, settings, port, listening)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            server.run()
        except SystemExit as end:
            if not server.started:
                raise InvalidInput(
                    f"--host, --port: cannot listen on {settings.host}:{port}; another program may be there already"
                ) from end
