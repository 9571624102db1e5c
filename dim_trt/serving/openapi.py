"""The service's description, OpenAPI 3.1, made of the tables that requests are read by; and a page of it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from dim_trt.serving import fields
from dim_trt.serving.fields import FORMATS, Field
from dim_trt.version import __version__

PICTURE = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in FORMATS.values()}
PNG = {"image/png": PICTURE["image/png"]}
BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "As POST /v1/pictures gave it.",
    "schema": {"type": "string"},
}
NOTE = {
    "X-Note": {
        "description": "What looks wrong with what was sent and was taken all the same, percent-encoded.",
        "schema": {"type": "string"},
    }
}
REASONS = {
    "400": "The request cannot be read.",
    "401": "The token is missing or wrong.",
    "403": "It comes from another site.",
    "404": "There is nothing of this name.",
    "405": "There is nothing by this method.",
    "408": "It was too slow.",
    "412": "The trimap is another one than the stroke was painted on.",
    "413": "It is too large.",
    "415": "Its coding is not known.",
    "421": "It is for another host.",
    "422": "What it asks for cannot be done; the sentence says why.",
    "500": "The service is at fault; its log says more.",
    "503": "The service is busy; Retry-After says for how many seconds.",
}


def description() -> dict[str, Any]:
    """The document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dim_trt",
            "version": __version__,
            "description": 'Alpha mattes of pictures. Every error is one sentence: {"error": "…"}.',
        },
        "paths": {
            "/v1/matte": {"post": _operation("Matte a picture", fields.MATTE, PICTURE, required=("image",))},
            "/v1/trimap": {
                "post": _operation("Make a trimap of a mask, a trimap or the picture alone", fields.TRIMAP, PNG)
            },
            "/v1/info": {"get": _operation("What runs, and what is taken", None, _json("object"))},
            "/v1/pictures": {
                "post": _operation(
                    "Hold a picture in memory, to be painted on", fields.OPEN, _json("object"), ("image",), status="201"
                )
            },
            "/v1/pictures/{id}": {
                "get": _operation("The picture, upright, of 8 bits, in sRGB", None, PNG, where=[ID]),
                "delete": _operation("Let go of it", None, None, where=[ID], status="204"),
            },
            "/v1/pictures/{id}/trimap": {
                "post": _operation("Make a trimap for it", fields.TRIMAP_OF_OPENED, PNG, where=[ID]),
                "patch": _painting(),
            },
            "/v1/pictures/{id}/alpha": {"get": _looking()},
            "/v1/pictures/{id}/matte": {
                "post": _operation("Its result, with the trimap painted so far", fields.OF_OPENED, PICTURE, where=[ID])
            },
            "/healthz": {"get": _operation("Whether the service lives", None, _json("object"))},
            "/readyz": {"get": _operation("Whether it has room for another request", None, _json("object"))},
            "/metrics": {
                "get": _operation("Counts, for Prometheus", None, {"text/plain": {"schema": {"type": "string"}}})
            },
        },
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}, {}],
    }


def _json(kind: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"type": kind}}}


def _operation(
    summary: str,
    form: tuple[Field, ...] | None,
    answer: dict[str, Any] | None,
    required: Iterable[str] = (),
    *,
    where: list[dict[str, Any]] | None = None,
    status: str = "200",
) -> dict[str, Any]:
    error = {
        "type": "object",
        "properties": {"error": {"type": "string"}},
        "required": ["error"],
        "additionalProperties": False,
    }
    answers: dict[str, Any] = {status: {"description": summary}}
    if answer:
        answers[status]["content"] = answer
    if form is not None or answer is PNG:
        answers[status]["headers"] = NOTE
    for code, reason in REASONS.items():
        answers[code] = {"description": reason, "content": {"application/json": {"schema": error}}}
    made: dict[str, Any] = {"summary": summary, "responses": answers}
    if where:
        made["parameters"] = where
    if form is not None:
        schema = {
            "type": "object",
            "properties": {field.name: _schema(field) for field in form},
            "required": list(required),
            "additionalProperties": False,
        }
        made["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    return made


PART: list[dict[str, Any]] = [
    ID,
    *(
        {"name": name, "in": "query", "required": True, "schema": {"type": "integer", "minimum": 0}}
        for name in ("top", "left", "height", "width")
    ),
]
PATCH = (
    "A byte a pixel, then with colors red, green and blue of each pixel that is neither 0 nor 255. X-Window says where "
    "(top, left, height, width), ETag the trimap's version, X-Stale where alpha is that of an earlier one"
)


def _switch(name: str, what: str) -> dict[str, Any]:
    schema = {"type": "string", "enum": ["0", "1"], "default": "0"}
    return {"name": name, "in": "query", "description": what, "schema": schema}


COLORS = _switch("colors", "1: the foreground's colors, too.")


def _looking() -> dict[str, Any]:
    return _operation(f"Alpha of a part, as painted so far. {PATCH}", None, BYTES, where=[*PART, COLORS])


def _painting() -> dict[str, Any]:
    near = _switch("near", "1: what is near the stroke, at once; X-Stale says for where to ask afterwards.")
    coding = {
        "name": "Content-Encoding",
        "in": "header",
        "description": "Of the body: deflate (zlib's format) or none.",
        "schema": {"type": "string", "enum": ["identity", "deflate"], "default": "identity"},
    }
    version = {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": 'The version that the stroke was painted on, from "0".',
        "schema": {"type": "string", "pattern": '^"[0-9]{1,9}"$'},
    }
    made = _operation(
        f"Paint on its trimap; alpha of what changed comes back. {PATCH}",
        None,
        BYTES,
        where=[*PART, COLORS, near, version, coding],
    )
    made["requestBody"] = {
        "required": True,
        "description": "The trimap of this part: 0, 128 or 255 for each pixel, row by row.",
        "content": BYTES,
    }
    return made


def _schema(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "description": field.what}
    if field.is_file:
        schema["format"] = "binary"
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.is_number:
        schema["type"] = "number"
    if field.default is not None:
        schema["default"] = float(field.default) if field.is_number else field.default
    return schema


def page() -> str:
    """The description for people: HTML with nothing from elsewhere."""
    rows = []
    for path, operations in description()["paths"].items():
        for method, operation in operations.items():
            rows.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['summary'])}.</p>")
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("multipart/form-data", {}).get("schema", {})
            lines = [
                _row(name, entry, name in schema["required"]) for name, entry in schema.get("properties", {}).items()
            ]
            lines += [
                _row(p["name"], {**p["schema"], "description": p.get("description", "")}, p.get("required", False))
                for p in operation.get("parameters", ())
            ]
            if lines:
                rows.append(f"<table><tr><th>field</th><th>is</th><th>values</th></tr>{''.join(lines)}</table>")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>dim_trt: the service</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/page/style.css">'
        '<body class="docs"><main><h1>The service</h1><p>Every error is one sentence, <code>{"error": "…"}</code>. '
        'The same for programs: <a href="/openapi.json">openapi.json</a>. <a href="/">The page</a></p>'
        f"{''.join(rows)}</main></body></html>"
    )


def _row(name: str, entry: dict[str, Any], is_required: bool) -> str:
    values = ", ".join(entry.get("enum", ())) or {"binary": "a file"}.get(entry.get("format", ""), entry["type"])
    if "default" in entry:
        values += f"; default: {entry['default']}"
    needed = " (needed)" if is_required else ""
    cells = (f"<code>{escape(name)}</code>{needed}", escape(entry["description"]), escape(values))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
