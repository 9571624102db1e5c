"""Forms to files: what a request asks for, decoded, matted, mixed and encoded. All of it blocks; `desk` has threads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dim_trt.arguments import color
from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput
from dim_trt.pictures import Look, Picture, as_image, decode, encode, render, to_8_bits
from dim_trt.pictures.composite import CHECKERBOARD, Color, behind, parse_color
from dim_trt.pictures.encoding import check_suffix
from dim_trt.pictures.limit import Limits
from dim_trt.pictures.picture import turn_advice
from dim_trt.pictures.rendering import CHANNELS, Content
from dim_trt.serving.fields import FORMATS, MASK_OPTIONS, RESULT, SOURCES, Form
from dim_trt.serving.metrics import Metrics
from dim_trt.trimaps import GivenTrimap, MaskRule, TrimapRule
from dim_trt.trimaps.rules import required

U8 = NDArray[np.uint8]
OPTIONS = {field.name: field for field in RESULT}


@dataclass(frozen=True)
class File:
    """What comes back. `notes`: what looked wrong on the way."""

    data: bytes
    media_type: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wish:
    """The result that a form asks for; what does not go together is refused before any work."""

    output: str
    suffix: str
    depth: int
    colors: str
    srgb: bool
    background: str | bytes

    @classmethod
    def of(cls, form: Form) -> Wish:
        chosen = {name: form.text(field) for name, field in OPTIONS.items()}
        output, depth, suffix = chosen["output"], int(chosen["depth"]), f".{chosen['format']}"
        has_colors = output in ("cutout", "premultiplied", "composite")
        for name in ("colors", "color_profile"):
            if name in form.texts and not has_colors:
                raise InvalidInput(f"{name}: goes with output=cutout, premultiplied or composite, not with {output}")
        if form.has("background") and output != "composite":
            raise InvalidInput(f"background: goes with output=composite, not with {output}")
        srgb = chosen["color_profile"] == "srgb"
        if srgb and depth == 16:
            raise InvalidInput("color_profile: srgb goes with depth=8; with 16 bits the picture keeps its own")
        if output == "trimap" and (depth == 16 or suffix not in (".png", ".tif", ".webp")):
            raise InvalidInput("output: a trimap goes with depth=8 and format=png, tif or webp, which keep it exact")
        with naming("format"):
            check_suffix(suffix, channels=1 if output == "trimap" else CHANNELS[_content(output)], depth=depth)
        background = form.files.get("background") or form.texts.get("background", "#ffffff")
        if isinstance(background, str) and background != CHECKERBOARD and color(background) is None:
            raise InvalidInput(f"background: expected '#rrggbb', a color's name or {CHECKERBOARD}, or a picture's file")
        return cls(output, suffix, depth, chosen["colors"], srgb, background)

    @property
    def media_type(self) -> str:
        return FORMATS[self.suffix.removeprefix(".")]

    def behind(self, limits: Limits) -> Color | Picture | None:
        """As `pictures.behind` takes it."""
        if isinstance(self.background, bytes):
            with naming("background"):
                return decode(self.background, limits)
        return None if self.background == CHECKERBOARD else parse_color(color(self.background) or "")


def _content(output: str) -> Content:
    contents: dict[str, Content] = {name: name for name in CHANNELS}
    return contents[output]


@contextlib.contextmanager
def naming(argument: str) -> Iterator[None]:
    """InvalidInput of the block names the field."""
    try:
        yield
    except InvalidInput as failure:
        raise InvalidInput(f"{argument}: {failure}") from failure


@dataclass(frozen=True)
class Matting:
    """Makes results with one engine; from any number of threads at a time."""

    engine: Engine
    limits: Limits
    metrics: Metrics
    run_s: float = 600.0  # how long room in the engine is waited for, which others may use, too

    def image(self, data: bytes) -> Picture:
        """The picture as `render` takes it."""
        with naming("image"):
            return as_image(decode(data, self.limits))

    def trimap(
        self, form: Form, size: tuple[int, int] | None = None, orientation: int = 1
    ) -> tuple[U8, tuple[str, ...]]:
        """Of the form's trimap or mask, which must be of this (height, width); and what looks wrong."""
        given = [field.name for field in SOURCES if form.has(field.name)]
        if len(given) != 1:
            names = " or ".join(field.name for field in SOURCES)
            raise InvalidInput(f"{names}: expected one of them, got {' and '.join(given) or 'none'}")
        rule = rule_of(form, given[0])
        with naming(rule.argument):
            picture = decode(form.files[rule.argument], self.limits)
            if size is not None and picture.size != size:
                advice = (
                    turn_advice(picture.size, size, orientation) or "resize it with nearest-neighbour interpolation"
                )
                got, expected = (f"{width}x{height}" for height, width in (picture.size, size))
                raise InvalidInput(f"expected the image's size, {expected}, got {got}; {advice}")
        examined = rule.examine(picture.stored())
        trimap = required(rule.argument, None, examined)
        return trimap, tuple(finding.message for finding in examined.findings)

    def alpha(self, img: U8, trimap: U8) -> NDArray[np.float32]:
        with self.metrics.stage("run"):
            return np.asarray(self.engine.submit(img, trimap, timeout=self.run_s).result())

    def result(self, image: Picture, trimap: U8, wish: Wish) -> File:
        """The file that is wished for, of a picture of `image` and its trimap."""
        if wish.output == "trimap":
            return File(encode(trimap, wish.suffix), wish.media_type)
        if wish.srgb:
            with naming("image"):
                image = as_image(image, srgb=True)
        content = _content(wish.output)
        background = wish.behind(self.limits) if content == "composite" else (0, 0, 0)
        alpha = self.alpha(to_8_bits(image.pixels), trimap)
        with self.metrics.stage("render"):
            with naming("background"):
                behind_it = behind(background, image.size, image.icc_profile)
            estimate = self.engine.foreground if wish.colors == "estimated" else None
            made = render(image, alpha, Look(((content, wish.depth),), behind_it, estimate))
            data = encode(made[content, wish.depth], wish.suffix, image.icc_profile)
        return File(data, wish.media_type)

    def matte(self, form: Form) -> File:
        """All of it, for a form of `fields.MATTE`."""
        wish = Wish.of(form)
        if "image" not in form.files:
            raise InvalidInput("image: expected a picture's file, got none")
        with self.metrics.stage("read"):
            image = self.image(form.files["image"])
            trimap, notes = self.trimap(form, image.size, image.orientation)
        made = self.result(image, trimap, wish)
        return File(made.data, made.media_type, notes)

    def made_trimap(self, form: Form, size: tuple[int, int] | None = None) -> File:
        """A PNG of 0, 128 and 255, for a form of `fields.TRIMAP`."""
        with self.metrics.stage("read"):
            trimap, notes = self.trimap(form, size)
        return File(encode(trimap, ".png"), FORMATS["png"], notes)


def rule_of(form: Form, source: str) -> TrimapRule:
    """What the values of the form's trimap or mask mean."""
    chosen = {field.name: form.texts[field.name] for field in MASK_OPTIONS if field.name in form.texts}
    if source != "mask":
        if chosen:
            raise InvalidInput(f"{next(iter(chosen))}: goes with mask, not with {source}")
        return GivenTrimap()
    numbers = {name: float(text) for name, text in chosen.items() if name in ("low", "high")}
    return MaskRule(**{**chosen, **numbers})  # type: ignore[arg-type]
