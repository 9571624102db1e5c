"""Pictures that are being painted on: held in memory, a few at a time, and gone when nobody uses them."""

from __future__ import annotations

import secrets
import threading
import time
import zlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.pictures import Picture, encode, quantize_alpha, to_8_bits, to_floats
from dim_trt.serving.fields import FORMATS, Form
from dim_trt.serving.matting import U8, File, Matting, Wish
from dim_trt.serving.metrics import Metrics
from dim_trt.serving.patches import Box, changed, halo_of
from dim_trt.serving.refusals import Refusal
from dim_trt.serving.settings import Settings
from dim_trt.serving.sources import damage

GONE = "this picture is not held any more: open it again (the service holds a few, and for an hour)"
STALE = "the trimap here is another one than the stroke was painted on: send it whole"
FAST = 1  # of zlib
COLORS_PX = 32  # around a patch, from which its colors are estimated


@dataclass
class Opened:
    """A picture and the trimap that was painted so far, background before the first stroke."""

    image: Picture
    img: U8  # as the engine takes it
    trimap: U8
    version: int = 0
    used: float = 0.0

    @property
    def held_bytes(self) -> int:
        own = 0 if self.img is self.image.pixels else self.img.nbytes
        opacity = 0 if self.image.opacity is None else self.image.opacity.nbytes
        return int(self.image.pixels.nbytes + own + opacity + self.trimap.nbytes)


@dataclass(frozen=True)
class Stroke:
    """A part of the trimap as it is now, and the version that it was painted on; `colors`: those of the foreground
    are wanted, too."""

    box: Box
    values: bytes  # deflated: 0, 128 and 255, row by row
    version: int
    colors: bool = False


@dataclass(frozen=True)
class Patch:
    """What a stroke changed. data: alpha of the box, a byte a pixel, then with colors red, green, blue of each."""

    box: Box
    data: bytes
    version: int


class Board:
    """From any number of threads at a time; one client for each picture, which alone knows its name."""

    def __init__(self, matting: Matting, settings: Settings, metrics: Metrics):
        self._matting, self._settings, self._metrics = matting, settings, metrics
        self._halo_px = halo_of(matting.engine.info)
        self._opened: OrderedDict[str, Opened] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, form: Form) -> tuple[str, Opened]:
        """Holds the picture of a form of `fields.OPEN`; its name, which cannot be guessed."""
        image = self._matting.image(form)
        opened = Opened(image, to_8_bits(image.pixels), np.zeros(image.size, np.uint8))
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
        """What to paint on: upright, of 8 bits, with its color profile."""
        image, img = (opened := self.picture(name)).image, opened.img
        return File(encode(img, ".png", image.icc_profile), FORMATS["png"], damage("image", image))

    def paint(self, name: str, stroke: Stroke) -> Patch:
        """Changes the trimap and gives what changed of alpha, all or nothing.

        Raises:
            Refusal: the picture is not held, or its trimap is another one.
            InvalidInput: the stroke is none.
        """
        opened = self.picture(name)
        is_whole = stroke.box.size == opened.image.size
        if stroke.version != opened.version and not is_whole:
            raise Refusal(412, STALE, "stale")
        before, trimap = opened.version, painted(opened.trimap, stroke)
        box = changed(trimap, stroke.box, self._halo_px)
        near = box.grown(COLORS_PX, opened.image.size) if stroke.colors else box
        alpha = self._matting.alpha(opened.img, trimap, near.window)
        data = self._patch(opened, near, alpha, box, stroke.colors)
        with self._lock:
            if opened.version != before:
                raise Refusal(412, STALE, "stale")
            opened.trimap, opened.version = trimap, before + 1
        return Patch(box, data, before + 1)

    def matte(self, name: str, form: Form) -> File:
        """The result of the whole picture and its trimap, for a form of `fields.OF_OPENED`."""
        opened = self.picture(name)
        return self._matting.result(opened.image, opened.trimap, Wish.of(form))

    def trimap(self, name: str, form: Form) -> File:
        """A trimap for this picture of a form of `fields.TRIMAP_OF_OPENED`, as PNG; it is not painted yet."""
        return self._matting.made_trimap(form, self.picture(name).image)

    def _patch(self, opened: Opened, near: Box, alpha: NDArray[np.float32], box: Box, colors: bool) -> bytes:
        """`alpha`: of `near`, in which `box` is."""
        with self._metrics.stage("render"):
            shown = alpha[box.inside(near).part]
            if opened.image.opacity is not None:
                shown = shown * to_floats(opened.image.opacity[box.part])
            data = quantize_alpha(np.ascontiguousarray(shown), 8).tobytes()
            if colors:
                estimated = self._matting.engine.foreground(opened.img[near.part], alpha)[0][box.inside(near).part]
                data += np.ascontiguousarray(estimated[:, :, ::-1]).tobytes()
            return zlib.compress(data, FAST)

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


def painted(trimap: U8, stroke: Stroke) -> U8:
    """The trimap after the stroke. Raises InvalidInput where it is none."""
    box, (height, width) = stroke.box, trimap.shape
    if not (0 <= box.top < box.bottom <= height and 0 <= box.left < box.right <= width):
        raise InvalidInput(f"top, left, height, width: expected a part of the picture, which is {width}x{height}")
    count = box.size[0] * box.size[1]
    inflater = zlib.decompressobj()
    try:
        values = inflater.decompress(stroke.values, count + 1)
    except zlib.error:
        raise InvalidInput("the stroke cannot be read: expected its trimap, deflated") from None
    if len(values) != count or not inflater.eof:
        raise InvalidInput(f"the stroke: expected {count} bytes, one a pixel, got another number")
    levels = np.frombuffer(values, np.uint8).reshape(box.size)
    if not np.isin(levels, (0, 128, 255)).all():
        raise InvalidInput("the stroke: expected 0, 128 and 255 alone")
    after = trimap.copy()
    after[box.part] = levels
    return after
