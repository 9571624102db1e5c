"""What requests may hold: one table, which forms are read by and `openapi` is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dim_trt.errors import InvalidInput
from dim_trt.trimaps import DILATE, ERODE, HIGH, LOW


@dataclass(frozen=True)
class Field:
    """One part of a form; a file, or text, of which `choices` are all that there is."""

    name: str
    what: str
    choices: tuple[str, ...] = ()
    default: str | None = None
    is_file: bool = False
    may_be_file: bool = False
    is_number: bool = False


OUTPUTS = ("alpha", "cutout", "premultiplied", "composite", "trimap")
FORMATS = {"png": "image/png", "webp": "image/webp", "tif": "image/tiff", "jpg": "image/jpeg"}

IMAGE = Field("image", "The picture, a file of any format and size.", is_file=True)
# Where a trimap may come from.
SOURCES = (
    Field("trimap", "Of the picture's size: black background, white foreground, all else unknown.", is_file=True),
    Field("mask", "Of the picture's size, hard or soft, or a cutout's alpha: a trimap is made of it.", is_file=True),
    Field(
        "auto",
        "Of the picture alone: a network finds the objects, of which all or the largest are meant. For services that "
        "were started with --auto.",
        ("all", "largest"),
    ),
)
MASK_OPTIONS = (
    Field("erode", "Of mask: how far the unknown band reaches into the object, in pixels or %.", default=ERODE),
    Field("dilate", "Of mask: how far it reaches into the background, in pixels or %.", default=DILATE),
    Field("low", "Of mask, 0 to 1: at most this is outside.", default=str(LOW), is_number=True),
    Field("high", "Of mask, 0 to 1: at least this is inside.", default=str(HIGH), is_number=True),
)
AUTO_PASSES = Field(
    "auto_passes", "Of auto: 2 makes a second trimap of the first alpha, and the result of that.", ("1", "2"), "1"
)
RESULT = (
    Field("output", "What comes back.", OUTPUTS, "alpha"),
    Field("format", "Of the file that comes back.", tuple(FORMATS), "png"),
    Field("depth", "Bits of a channel; 16 are for png and tif.", ("8", "16"), "8"),
    Field(
        "background",
        "Of a composite: '#rrggbb', a color's name, 'checkerboard', or a picture, as a file, scaled to cover.",
        default="#ffffff",
        may_be_file=True,
    ),
    Field(
        "colors",
        "Of cutouts and composites: the estimated foreground's, or the picture's own.",
        ("estimated", "image"),
        "estimated",
    ),
    Field("color_profile", "Of cutouts and composites: the picture's own, or sRGB.", ("keep", "srgb"), "keep"),
)
MATTE = (IMAGE, *SOURCES, *MASK_OPTIONS, AUTO_PASSES, *RESULT)
TRIMAP = (replace(IMAGE, what="Of auto: the picture."), *SOURCES, *MASK_OPTIONS)
OPEN = (IMAGE,)
TRIMAP_OF_OPENED = (*SOURCES, *MASK_OPTIONS)
OF_OPENED = RESULT


@dataclass(frozen=True)
class Form:
    """A form that was sent: bytes of files and texts, by their names."""

    files: dict[str, bytes]
    texts: dict[str, str]

    def text(self, field: Field) -> str:
        return self.texts.get(field.name, field.default or "")

    def has(self, name: str) -> bool:
        return name in self.files or name in self.texts


def check_form(parts: list[tuple[str, bytes, bool]], fields: tuple[Field, ...]) -> Form:
    """`parts`: name, value and whether it is a file, as they came.

    Raises:
        InvalidInput: there is one too many, or a value is none of a field's.
    """
    known, form = {field.name: field for field in fields}, Form({}, {})
    for name, value, is_file in parts:
        field = known.get(name)
        if field is None:
            raise InvalidInput(f"{name[:40]!r}: expected one of the fields {', '.join(known)}")
        if form.has(name):
            raise InvalidInput(f"{name}: expected it once")
        if is_file:
            if not (field.is_file or field.may_be_file):
                raise InvalidInput(f"{name}: expected text, got a file")
            if not value:
                raise InvalidInput(f"{name}: expected a picture's file, got an empty one")
            form.files[name] = value
        else:
            form.texts[name] = _text(field, value)
    return form


def _text(field: Field, value: bytes) -> str:
    if field.is_file:
        raise InvalidInput(f"{field.name}: expected a file, got text")
    text = value[:200].decode("utf-8", "replace")
    if field.choices and text not in field.choices:
        raise InvalidInput(f"{field.name}: expected {' or '.join(field.choices)}, got {text[:40]!r}")
    if field.is_number:
        try:
            float(text)
        except ValueError:
            raise InvalidInput(f"{field.name}: expected a number, got {text[:40]!r}") from None
    return text
