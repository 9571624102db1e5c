"""Forms (multipart/form-data) in memory: nothing of a request is written to a disk, as form libraries do."""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from dim_trt.errors import InvalidInput

MOST_PARTS = 32
MALFORMED = "the form cannot be read: expected multipart/form-data, as browsers, curl -F and HTTP libraries send it"


def parts_of(body: bytes, content_type: str) -> list[tuple[str, bytes, bool]]:
    """(name, value, whether it is a file) of each part.

    Raises:
        InvalidInput: this is no such form, or one of too many parts.
    """
    kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise InvalidInput(MALFORMED)
    collector = _Collector()
    try:
        parser = MultipartParser(boundary, collector.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise InvalidInput(MALFORMED) from None
    if not collector.has_ended:
        raise InvalidInput(MALFORMED)
    return collector.parts


class _Collector:
    def __init__(self) -> None:
        self.parts: list[tuple[str, bytes, bool]] = []
        self.has_ended = False
        self._start()

    def _start(self) -> None:
        if len(self.parts) == MOST_PARTS:
            raise InvalidInput(f"the form has too many parts: expected at most {MOST_PARTS}")
        self._field, self._value, self._headers = bytearray(), bytearray(), dict[bytes, bytes]()
        self._data: list[bytes] = []

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._start,
            "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header,
            "on_part_data": lambda data, start, end: self._data.append(data[start:end]),
            "on_part_end": self._part,
            "on_end": self._end,
        }

    def _header(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise InvalidInput(MALFORMED)
        name = options[b"name"].decode("utf-8", "replace")
        self.parts.append((name, b"".join(self._data), b"filename" in options))

    def _end(self) -> None:
        self.has_ended = True
