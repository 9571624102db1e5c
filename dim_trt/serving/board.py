"""Pictures that are being painted on: held in memory, a few at a time, and gone when nobody uses them."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.pictures import Picture, encode, profiles, quantize_alpha, to_8_bits, to_floats
from dim_trt.serving.fields import FORMATS, Form
from dim_trt.serving.matting import U8, File, Matting, Wish
from dim_trt.serving.metrics import Metrics
from dim_trt.serving.patches import Box, changed, difference, halo_of, joined
from dim_trt.serving.refusals import Refusal
from dim_trt.serving.settings import Settings
from dim_trt.serving.sources import damage
from dim_trt.serving.strokes import Stroke, check_inside, painted

GONE = "this picture is not held any more: open it again (the service holds a few, and for an hour)"
STALE = "the trimap here is another one than the stroke was painted on: send it whole"
COLORS_PX = 32  # around a patch, from which its colors are estimated
NEAR_PX = 32  # around a stroke, what is looked at first


@dataclass
class Opened:
    """A picture, the trimap that was painted so far, and its alpha, background before the first stroke.

    img: as the engine takes it. shown: as screens show it, in sRGB.
    stale: where alpha is still that of an earlier trimap.
    """

    image: Picture
    img: U8
    shown: U8
    trimap: U8
    alpha: NDArray[np.float32]
    stale: Box | None = None
    version: int = 0
    used: float = 0.0

    @classmethod
    def of(cls, image: Picture) -> Opened:
        """`image`: as `as_image` gives it."""
        img = shown = to_8_bits(image.pixels)
        if image.icc_profile is not None:
            with contextlib.suppress(InvalidInput):  # one that says nothing of colors is taken for sRGB
                shown = profiles.convert(img, image.icc_profile, None)
        return cls(image, img, shown, np.zeros(image.size, np.uint8), np.zeros(image.size, np.float32))

    @property
    def held_bytes(self) -> int:
        arrays = {id(a): a.nbytes for a in (self.image.pixels, self.img, self.shown, self.trimap, self.alpha)}
        opacity = 0 if self.image.opacity is None else self.image.opacity.nbytes
        return int(sum(arrays.values()) + opacity)


@dataclass(frozen=True)
class Patch:
    """Alpha of a part of the picture.

    data: a byte a pixel; then with colors red, green and blue of those pixels that are neither 0 nor 255.
    stale: where alpha is still that of an earlier trimap; may reach into the box.
    """

    box: Box
    data: bytes
    version: int
    stale: Box | None = None


class Board:
    """From any number of threads at a time; one client for each picture, which alone knows its name."""

    def __init__(self, matting: Matting, settings: Settings, metrics: Metrics):
        self._matting, self._settings, self._metrics = matting, settings, metrics
        self._halo_px = halo_of(matting.engine.info)
        self._opened: OrderedDict[str, Opened] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, form: Form) -> tuple[str, Opened]:
        """Holds the picture of a form of `fields.OPEN`; its name, which cannot be guessed."""
        opened = Opened.of(self._matting.image(form))
        if opened.held_bytes > self._settings.pictures_bytes:
            raise InvalidInput("image: expected a picture that fits into the memory for painting; scale it down")
        name = secrets.token_urlsafe(18)
        with self._lock:
            self._opened[name] = opened
            self._make_room()
        self.picture(name)
        return name, opened

    def picture(self, name: str) -> Opened:
        """Raises Refusal where it is not held."""
        with self._lock:
            self._make_room()
            opened = self._opened.get(name)
            if opened is None:
                raise Refusal(404, GONE, "gone")
            opened.used = time.monotonic()
            self._opened.move_to_end(name)
            return opened

    def close(self, name: str) -> None:
        with self._lock:
            self._opened.pop(name, None)
            self._metrics.pictures.set(len(self._opened))

    def shown(self, name: str) -> File:
        """What to paint on: upright, of 8 bits, in sRGB."""
        opened = self.picture(name)
        return File(encode(opened.shown, ".png"), FORMATS["png"], damage("image", opened.image))

    def paint(self, name: str, stroke: Stroke) -> Patch:
        """Changes the trimap and gives what changed of alpha, all or nothing.

        Raises:
            Refusal: the picture is not held, or its trimap is another one.
            InvalidInput: the stroke is none.
        """
        opened = self.picture(name)
        with self._lock:
            version, before, stale = opened.version, opened.trimap, opened.stale
        if stroke.version != version and stroke.box.size != opened.image.size:
            raise Refusal(412, STALE, "stale")
        trimap = painted(before, stroke)
        touched = difference(before, trimap, stroke.box)
        if touched is not None:
            stale = joined(stale, changed(trimap, touched, self._halo_px))
        now = stale
        if stale is not None and stroke.is_near and self._halo_px is not None:
            now = stale.overlap(stroke.box.grown(NEAR_PX, opened.image.size))
        alpha = self._alpha(opened, trimap, now)
        with self._lock:
            if opened.version != version:
                raise Refusal(412, STALE, "stale")
            opened.trimap, opened.version = trimap, version + 1
            self._settle(opened, stale, now, alpha)
        return self._patch(opened, stroke.box if now is None else stroke.box.joined(now), stroke.colors)

    def alpha(self, name: str, box: Box, colors: bool) -> Patch:
        """Alpha of a part, as painted so far; what is stale there is computed.

        Raises:
            Refusal: the picture is not held, or was painted on meanwhile.
            InvalidInput: there is no such part.
        """
        opened = self.picture(name)
        check_inside(box, opened.image.size)
        with self._lock:
            version, trimap, stale = opened.version, opened.trimap, opened.stale
        now = stale and stale.overlap(box)
        alpha = self._alpha(opened, trimap, now)
        with self._lock:
            if opened.version != version:
                raise Refusal(412, STALE, "stale")
            self._settle(opened, stale, now, alpha)
        return self._patch(opened, box, colors)

    def _alpha(self, opened: Opened, trimap: U8, box: Box | None) -> NDArray[np.float32] | None:
        return None if box is None else self._matting.alpha(opened.img, trimap, box.window)

    def _settle(self, opened: Opened, stale: Box | None, box: Box | None, alpha: NDArray[np.float32] | None) -> None:
        """`alpha`, which is that of `box`, becomes the picture's. The lock is held."""
        if box is not None:
            opened.alpha[box.part] = alpha
        opened.stale = None if box == stale else stale

    def matte(self, name: str, form: Form) -> File:
        """The result of the whole picture and its trimap, for a form of `fields.OF_OPENED`."""
        opened = self.picture(name)
        return self._matting.result(opened.image, opened.trimap, Wish.of(form))

    def trimap(self, name: str, form: Form) -> File:
        """A trimap for this picture of a form of `fields.TRIMAP_OF_OPENED`, as PNG; it is not painted yet."""
        return self._matting.made_trimap(form, self.picture(name).image)

    def _patch(self, opened: Opened, box: Box, colors: bool) -> Patch:
        near = box.grown(COLORS_PX, opened.image.size) if colors else box
        with self._lock:
            alpha, version, stale = opened.alpha[near.part].copy(), opened.version, opened.stale
        with self._metrics.stage("render"):
            part = box.inside(near).part
            seen = alpha[part]
            if opened.image.opacity is not None:
                seen = seen * to_floats(opened.image.opacity[box.part])
            levels = quantize_alpha(seen, 8)
            data = levels.tobytes()
            if colors:
                mixed = (levels > 0) & (levels < 255)
                estimated = self._matting.engine.foreground(opened.shown[near.part], alpha)[0] if mixed.any() else None
                data += b"" if estimated is None else estimated[part][mixed][:, ::-1].tobytes()
        return Patch(box, data, version, stale)

    def _make_room(self) -> None:
        """The lock is held."""
        settings, now = self._settings, time.monotonic()
        while self._opened:
            oldest = next(iter(self._opened.values()))
            total = sum(opened.held_bytes for opened in self._opened.values())
            is_old = oldest.used and now - oldest.used > settings.idle_s
            if not is_old and len(self._opened) <= settings.pictures and total <= settings.pictures_bytes:
                break
            self._opened.popitem(last=False)
        self._metrics.pictures.set(len(self._opened))
