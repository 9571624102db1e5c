"""What the heads of requests about pictures that are painted on say: where, on which trimap, in which coding."""

from __future__ import annotations

import re

from starlette.requests import Request

from dim_trt.serving.patches import Box
from dim_trt.serving.refusals import Refusal

VERSION = re.compile(r'"(\d{1,9})"')


def box_of(request: Request) -> Box:
    """The part of a picture that a request is about."""
    numbers = []
    for name in ("top", "left", "height", "width"):
        text = request.query_params.get(name, "")
        if not re.fullmatch(r"[0-9]{1,6}", text):
            raise Refusal(400, f"{name}: expected a whole number of pixels, got {text[:20]!r}", "input")
        numbers.append(int(text))
    top, left, height, width = numbers
    return Box(top, left, top + height, left + width)


def is_on(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "0")
    if text not in ("0", "1"):
        raise Refusal(400, f"{name}: expected 0 or 1, got {text[:20]!r}", "input")
    return text == "1"


def version_of(request: Request) -> int:
    match = VERSION.fullmatch(request.headers.get("if-match", ""))
    if match is None:
        raise Refusal(400, 'If-Match: expected the trimap\'s version such as "0"', "input")
    return int(match[1])


def is_deflated(request: Request) -> bool:
    coding = request.headers.get("content-encoding", "identity")
    if coding not in ("identity", "deflate"):
        raise Refusal(415, f"Content-Encoding: expected deflate or none, got {coding[:20]!r}", "input")
    return coding == "deflate"


def is_gzip_taken(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")
