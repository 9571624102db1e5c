"""What is sent back: files, JSON, and sentences for what goes wrong below the endpoints."""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dim_trt.serving.board import Patch
from dim_trt.serving.matting import File
from dim_trt.serving.patches import Box
from dim_trt.serving.refusals import Gone, said

MOST_NOTED = 2000  # characters
SMALL_BYTES = 1 << 16  # is sent sooner than deflated
FAST = 1  # of zlib


def to_file(file: File) -> Response:
    return Response(file.data, headers=_noted(file.notes), media_type=file.media_type)


def to_json(value: Any, status: int = 200, notes: tuple[str, ...] = ()) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), status, _noted(notes), "application/json")


def to_patch(patch: Patch, takes_gzip: bool) -> Response:
    """Blocks for a moment where there is much."""
    headers = {"ETag": f'"{patch.version}"', "X-Window": _numbers(patch.box), "Vary": "Accept-Encoding"}
    if patch.stale is not None:
        headers["X-Stale"] = _numbers(patch.stale)
    data = patch.data
    if takes_gzip and len(data) > SMALL_BYTES:
        data, headers["Content-Encoding"] = gzip.compress(data, FAST), "gzip"
    return Response(data, headers=headers, media_type="application/octet-stream")


def _numbers(box: Box) -> str:
    return ",".join(map(str, box.window))


def _noted(notes: tuple[str, ...]) -> dict[str, str]:
    """What looks wrong, as a header; percent-encoded, as headers are ASCII."""
    return {"X-Note": quote("; ".join(notes)[:MOST_NOTED], safe=" ,.;:()'")} if notes else {}


async def gone(_: Request, _error: Gone) -> Response:
    return said(499, "the client has gone")  # which nobody reads


async def failed(_: Request, _error: Exception) -> Response:
    return said(500, "something went wrong in the service, which is its fault; its log says what")


async def http_error(_: Request, error: HTTPException) -> Response:
    """Of routing."""
    sentences = {404: "there is nothing at this address; / is the page, /docs describes the service"}
    allowed = (error.headers or {}).get("Allow", "")
    sentences[405] = f"this address takes {allowed}, not other methods"
    return said(error.status_code, sentences.get(error.status_code, str(error.detail)), error.headers)
