"""Why a request gets no picture: a status and one sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response


class Refusal(Exception):  # noqa: N818
    """Raised wherever a request is looked at; `counted` is its label in the metrics."""

    def __init__(self, status: int, sentence: str, counted: str, headers: Mapping[str, str] | None = None):
        super().__init__(sentence)
        self.status, self.sentence, self.counted = status, sentence, counted
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """{"error": the sentence}."""
        return said(self.status, self.sentence, self.headers)


def said(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json_error(sentence), status, headers, "application/json")


def json_error(sentence: str) -> bytes:
    return json.dumps({"error": sentence}, ensure_ascii=False).encode()


def too_large(max_body_bytes: int) -> Refusal:
    return Refusal(
        413,
        f"the request is too large: expected at most {max_body_bytes >> 20} MiB (--max-body-mb)",
        "body",
        {"Connection": "close"},
    )


class Gone(Exception):  # noqa: N818
    """The client has closed the connection."""
