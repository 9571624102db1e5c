"""Forms to files: what a request asks for, decoded, matted, mixed and encoded. All of it blocks; `desk` has threads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dim_trt.arguments import color
from dim_trt.engine import Engine
from dim_trt.engine_options import Window
from dim_trt.errors import InvalidInput
from dim_trt.masks import Automatic
from dim_trt.pictures import Look, Picture, as_image, decode, encode, render, to_8_bits
from dim_trt.pictures.composite import CHECKERBOARD, Color, behind, parse_color
from dim_trt.pictures.encoding import check_suffix
from dim_trt.pictures.limit import Limits
from dim_trt.pictures.rendering import CHANNELS, Content
from dim_trt.serving.fields import AUTO_PASSES, FORMATS, RESULT, Form
from dim_trt.serving.metrics import Metrics
from dim_trt.serving.sources import Sources, damage, naming

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
        if AUTO_PASSES.name in form.texts and output == "trimap":
            raise InvalidInput(f"{AUTO_PASSES.name}: goes with every output but trimap, as it looks at alpha")
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


@dataclass(frozen=True)
class Matting:
    """Makes results with one engine; from any number of threads at a time."""

    engine: Engine
    sources: Sources
    metrics: Metrics
    run_s: float = 600.0  # how long room in the engine is waited for, which others may use, too

    @property
    def limits(self) -> Limits:
        return self.sources.limits

    def image(self, form: Form) -> Picture:
        """The form's picture as `render` takes it."""
        if "image" not in form.files:
            raise InvalidInput("image: expected a picture's file, got none")
        with self.metrics.stage("read"), naming("image"):
            return as_image(decode(form.files["image"], self.limits))

    def alpha(self, img: U8, trimap: U8, window: Window | None = None) -> NDArray[np.float32]:
        """Of the picture, or of a window of it."""
        with self.metrics.stage("run"):
            return np.asarray(self.engine.submit(img, trimap, window=window, timeout=self.run_s).result())

    def result(self, image: Picture, trimap: U8, wish: Wish, automatic: Automatic | None = None) -> File:
        """The file that is wished for, of a picture of `image` and its trimap, which `automatic` may have made."""
        notes = damage("image", image)
        if wish.output == "trimap":
            return File(encode(trimap, wish.suffix), wish.media_type, notes)
        if wish.srgb:
            with naming("image"):
                image = as_image(image, srgb=True)
        content = _content(wish.output)
        background = wish.behind(self.limits) if content == "composite" else (0, 0, 0)
        if isinstance(background, Picture):
            notes += damage("background", background)
        img = to_8_bits(image.pixels)
        alpha = self.alpha(img, trimap)
        if automatic:
            alpha = automatic.refined(self.alpha, img, alpha)
        with self.metrics.stage("render"):
            with naming("background"):
                behind_it = behind(background, image.size, image.icc_profile)
            estimate = self.engine.foreground if wish.colors == "estimated" else None
            made = render(image, alpha, Look(((content, wish.depth),), behind_it, estimate))
            data = encode(made[content, wish.depth], wish.suffix, image.icc_profile)
        return File(data, wish.media_type, notes)

    def matte(self, form: Form) -> File:
        """All of it, for a form of `fields.MATTE`."""
        wish, source = Wish.of(form), self.sources.chosen(form)
        image = self.image(form)
        known = self.sources.known(source, form, image)
        made = self.result(image, known.trimap, wish, known.automatic)
        return replace(made, notes=made.notes + known.notes)

    def made_trimap(self, form: Form, image: Picture | None = None) -> File:
        """A PNG of 0, 128 and 255, for a form of `fields.TRIMAP`, or for `image` one of `fields.TRIMAP_OF_OPENED`."""
        source = self.sources.chosen(form)
        if form.has("image"):
            if not isinstance(source, Automatic):
                raise InvalidInput(f"image: goes with auto, not with {source.argument}")
            image = self.image(form)
        known = self.sources.known(source, form, image)
        notes = damage("image", image) if image is not None else ()
        return File(encode(known.trimap, ".png"), FORMATS["png"], notes + known.notes)
