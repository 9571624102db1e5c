"""Who may ask, how much and how slowly; and what every response says to browsers."""

from __future__ import annotations

import hmac
import logging
import re
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dim_trt.serving import openapi
from dim_trt.serving.metrics import Metrics
from dim_trt.serving.refusals import Refusal, too_large
from dim_trt.serving.settings import Settings

LOGGER = logging.getLogger("dim_trt")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
NEED_TOKEN = ("/v1/", "/metrics")
PATHS = frozenset({"/", "/docs", "/openapi.json", "/page", *openapi.description()["paths"]})
# Of the page: its own scripts, styles and pictures, and no one else's.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass
class Guard:
    """The outermost part of the application."""

    app: ASGIApp
    settings: Settings
    metrics: Metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            try:
                check(scope, self.settings)
            except Refusal as refusal:
                refusal.headers["Connection"] = "close"  # what else it sends is not read
                await self.metrics.refused(refusal).response()(scope, receive, guarded)
            else:
                await self.app(scope, receive, guarded)
        except Exception:  # it was answered already
            LOGGER.exception("%s %s failed", scope["method"], route_of(scope))
        finally:
            seconds = time.perf_counter() - started
            self.metrics.requests.labels(route_of(scope), str(status)).inc()
            LOGGER.info("%s %s %d %.0f ms", scope["method"], route_of(scope), status, seconds * 1e3)


def route_of(scope: Scope) -> str:
    """The path as the application has it, with nothing of the client's."""
    path = re.sub(r"^/v1/pictures/[^/]+", "/v1/pictures/{id}", scope["path"])
    path = re.sub(r"^/page/.*", "/page", path)
    return path if path in PATHS else "other"


def check(scope: Scope, settings: Settings) -> None:
    """Raises Refusal where the request's head is enough to refuse it."""
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if len(headers.getlist("host")) != 1 or not settings.is_own_name(name.rstrip(".")):
        raise Refusal(
            421,
            f"Host: expected a name that this service has, got {host[:80]!r}; --name NAME gives it another one",
            "host",
        )
    origin = headers.get("origin")
    is_own = origin is None or origin in (f"http://{host}", f"https://{host}")
    is_other = not is_own or headers.get("sec-fetch-site") in ("cross-site", "same-site")
    if is_other and (scope["method"] not in SAFE_METHODS or scope["path"].startswith(NEED_TOKEN)):
        sentence = "Origin: expected a request of this service's own page, or of no page, got one of another site"
        raise Refusal(403, sentence, "origin")
    if settings.token is not None and scope["path"].startswith(NEED_TOKEN):
        shown = headers.get("authorization", "").encode("latin-1", "replace")
        if not hmac.compare_digest(shown, f"Bearer {settings.token}".encode()):
            sentence = "Authorization: expected 'Bearer TOKEN' with the token that the service was started with"
            raise Refusal(401, sentence, "token", {"WWW-Authenticate": "Bearer"})
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > settings.max_body_bytes:
        raise too_large(settings.max_body_bytes)
