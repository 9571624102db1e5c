"""The application: what is answered where."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from importlib import resources
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput
from dim_trt.masks import MaskSource, open_source
from dim_trt.serving import fields, openapi
from dim_trt.serving.board import Board
from dim_trt.serving.bodies import Bodies
from dim_trt.serving.desk import STAGES, Desk
from dim_trt.serving.fields import Field, Form, check_form
from dim_trt.serving.forms import parts_of
from dim_trt.serving.guard import Guard
from dim_trt.serving.heads import box_of, is_deflated, is_gzip_taken, is_on, version_of
from dim_trt.serving.matting import Matting
from dim_trt.serving.metrics import Metrics
from dim_trt.serving.refusals import Gone, Refusal
from dim_trt.serving.responses import failed, gone, http_error, to_file, to_json, to_patch
from dim_trt.serving.settings import Settings
from dim_trt.serving.sources import Sources, damage, one_at_a_time
from dim_trt.serving.strokes import Stroke
from dim_trt.version import __version__

__all__ = ["application"]

T = TypeVar("T")
PAGE = resources.files("dim_trt.serving") / "page"
DESCRIBED = (
    "task",
    "network",
    "backend",
    "device",
    "precision",
    "weights",
    "isa",
    "gpu_name",
    "threads",
    "orientations",
    "closed_form",
)


def application(engine: Engine, settings: Settings | None = None, *, auto: str | MaskSource | None = None) -> ASGIApp:
    """The page and the service, for any server of ASGI.

    Args:
        engine: of plans for pictures in BGR, which is the default. It is closed when the application stops.
        settings: who may ask for how much.
        auto: a network that finds the objects for requests without trimap and mask, as `masks.open_source` takes it;
            one picture at a time.

    Raises:
        InvalidInput: the engine takes another channel order, or `auto` is no source of masks.
        BackendUnavailable: what `auto` needs is not installed.
    """
    if engine.info["color"] != "bgr":
        raise InvalidInput("engine: expected color='bgr', as pictures are read, got an engine for 'rgb'")
    service = Service(engine, settings or Settings(), None if auto is None else one_at_a_time(open_source(auto)))
    return Guard(service.starlette(), service.settings, service.metrics)


class Service:
    """The endpoints, and what they share."""

    def __init__(self, engine: Engine, settings: Settings, network: MaskSource | None):
        self.settings, self.metrics = settings, Metrics()
        self._engine, self._stopping = engine, False
        self._sources = Sources(settings.limits, self.metrics, network)
        self._matting = Matting(engine, self._sources, self.metrics)
        self._desk = Desk(STAGES - 1 + engine.max_concurrent, settings.queue, self.metrics)
        self._board = Board(self._matting, settings, self.metrics)
        self._bodies = Bodies(settings)

    def starlette(self) -> Starlette:
        post, get = ["POST"], ["GET"]
        routes = [
            Route("/", self._page, methods=get),
            Route("/docs", self._docs, methods=get),
            Route("/openapi.json", self._openapi, methods=get),
            Route("/healthz", self._healthz, methods=get),
            Route("/readyz", self._readyz, methods=get),
            Route("/metrics", self._metrics_page, methods=get),
            Route("/v1/info", self._info, methods=get),
            Route("/v1/matte", self._matte, methods=post),
            Route("/v1/trimap", self._trimap, methods=post),
            Route("/v1/pictures", self._open, methods=post),
            Route("/v1/pictures/{id}", self._picture, methods=["GET", "DELETE"]),
            Route("/v1/pictures/{id}/trimap", self._picture_trimap, methods=["POST", "PATCH"]),
            Route("/v1/pictures/{id}/alpha", self._picture_alpha, methods=get),
            Route("/v1/pictures/{id}/matte", self._picture_matte, methods=post),
            Mount("/page", StaticFiles(directory=str(PAGE))),
        ]
        handlers: dict[Any, Any] = {
            HTTPException: http_error,
            Refusal: self._refused,
            Gone: gone,
            Exception: failed,
        }
        return Starlette(routes=routes, lifespan=self._lifespan, exception_handlers=handlers)

    async def _refused(self, _: Request, refusal: Refusal) -> Response:
        return self.metrics.refused(refusal).response()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self._stopping = True
            self._desk.close()
            self._engine.close()

    # what is looked at

    async def _page(self, _: Request) -> Response:
        return HTMLResponse((PAGE / "index.html").read_text(encoding="utf-8"))

    async def _docs(self, _: Request) -> Response:
        return HTMLResponse(openapi.page())

    async def _openapi(self, _: Request) -> Response:
        return to_json(openapi.description())

    async def _healthz(self, _: Request) -> Response:
        return to_json({"status": "alive"})

    async def _readyz(self, _: Request) -> Response:
        if self._stopping:
            raise Refusal(503, "the service is stopping", "stopping", {"Retry-After": "5"})
        self._desk.check_room()
        return to_json({"status": "ready"})

    async def _metrics_page(self, _: Request) -> Response:
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _info(self, _: Request) -> Response:
        info, settings = self._engine.info, self.settings
        return to_json(
            {
                "version": __version__,
                "engine": {name: info[name] for name in DESCRIBED},
                "licence": info["source"].get("licence"),
                "outputs": fields.OUTPUTS,
                "formats": tuple(fields.FORMATS),
                "sources": self._sources.names,
                "limits": {
                    "max_body_bytes": settings.max_body_bytes,
                    "max_pixels": settings.limits.max_pixels,
                    "queue": settings.queue,
                    "pictures": settings.pictures,
                },
            }
        )

    # what is computed

    async def _matte(self, request: Request) -> Response:
        return to_file(await self._with_form(request, fields.MATTE, self._matting.matte))

    async def _trimap(self, request: Request) -> Response:
        return to_file(await self._with_form(request, fields.TRIMAP, self._matting.made_trimap))

    async def _open(self, request: Request) -> Response:
        name, opened = await self._with_form(request, fields.OPEN, self._board.open)
        height, width = opened.image.size
        said = {"id": name, "height": height, "width": width, "has_opacity": opened.image.opacity is not None}
        return to_json(said, 201, damage("image", opened.image))

    async def _picture(self, request: Request) -> Response:
        name = request.path_params["id"]
        if request.method == "DELETE":
            self._board.close(name)
            return Response(status_code=204)
        self._board.picture(name)
        return to_file(await self._desk.do(lambda: self._board.shown(name), request.receive))

    async def _picture_trimap(self, request: Request) -> Response:
        name = request.path_params["id"]
        self._board.picture(name)
        if request.method == "POST":
            known = fields.TRIMAP_OF_OPENED
            return to_file(await self._with_form(request, known, lambda form: self._board.trimap(name, form)))
        box, version, takes_gzip = box_of(request), version_of(request), is_gzip_taken(request)
        switches = is_on(request, "colors"), is_on(request, "near"), is_deflated(request)
        self._desk.check_room()
        async with self._bodies.read(request.receive) as body:
            stroke = Stroke(box, body, version, *switches)
            return await self._desk.do(lambda: to_patch(self._board.paint(name, stroke), takes_gzip), request.receive)

    async def _picture_alpha(self, request: Request) -> Response:
        name = request.path_params["id"]
        self._board.picture(name)
        box, colors, takes_gzip = box_of(request), is_on(request, "colors"), is_gzip_taken(request)
        return await self._desk.do(lambda: to_patch(self._board.alpha(name, box, colors), takes_gzip), request.receive)

    async def _picture_matte(self, request: Request) -> Response:
        name = request.path_params["id"]
        self._board.picture(name)
        return to_file(await self._with_form(request, fields.OF_OPENED, lambda form: self._board.matte(name, form)))

    async def _with_form(self, request: Request, known: tuple[Field, ...], work: Callable[[Form], T]) -> T:
        """What `work` makes of the request's form, which is read and worked on in a thread."""
        self._desk.check_room()
        kind = request.headers.get("content-type", "")
        async with self._bodies.read(request.receive) as body:
            return await self._desk.do(lambda: work(check_form(parts_of(body, kind), known)), request.receive)
