"""What is made of a picture and its alpha: alpha itself, cutouts, composites."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dim_trt import foreground
from dim_trt.pictures.composite import Background, composite, cutout, premultiplied
from dim_trt.pictures.picture import Levels, Picture, quantize_alpha, to_8_bits, to_floats

Content: TypeAlias = Literal["alpha", "cutout", "premultiplied", "composite"]
Wanted: TypeAlias = tuple[Content, int]  # what, and bits of a channel, 8 or 16
CHANNELS: Mapping[Content, int] = MappingProxyType({"alpha": 1, "cutout": 4, "premultiplied": 4, "composite": 3})
Estimate: TypeAlias = Callable[[Any, NDArray[np.float32]], tuple[Any, Any]]


@dataclass(frozen=True)
class Look:
    """What is made of every picture alike, and how it is colored.

    Args:
        wanted: pairs of "alpha", "cutout" (straight alpha), "premultiplied" or "composite" with 8 or 16 bits.
        background: of composites, a color (blue, green, red) or [height, width, 3] uint8 BGR of the picture's size; in
            the numbers of the picture's color profile, see `behind`.
        estimate: gives (foreground, background) of a picture and its alpha, as `Engine.foreground` does; None: the
            colors are the picture's own, old background included.
    """

    wanted: Iterable[Wanted] = (("alpha", 8),)
    background: Background = (255, 255, 255)
    estimate: Estimate | None = foreground.estimate


def render(image: Picture, alpha: NDArray[np.float32], look: Look) -> dict[Wanted, Levels]:
    """Everything that `look` wants, without touching a file.

    Args:
        image: of `as_image`: pixels [height, width, 3] BGR. Its own transparency multiplies alpha.
        alpha: [height, width] float32 in 0..1, of `Engine.run`.
        look: what is made.

    Returns:
        For each of `look.wanted` [height, width] gray, [height, width, 3] BGR or [height, width, 4] BGRA, uint8 or
        uint16; the colors are in the picture's color profile.

    Raises:
        InvalidInput: sizes differ.
    """
    shown = alpha if image.opacity is None else alpha * to_floats(image.opacity)
    colors: dict[int, Any] = {}
    made: dict[Wanted, Levels] = {}
    for content, depth in look.wanted:
        if content == "alpha":
            made[content, depth] = quantize_alpha(shown, depth)
            continue
        if depth not in colors:
            colors[depth] = to_8_bits(image.pixels) if depth == 8 else to_floats(image.pixels)
            if look.estimate is not None:
                colors[depth] = look.estimate(colors[depth], alpha)[0]
        if content == "composite":
            made[content, depth] = composite(colors[depth], shown, look.background)
        else:
            made[content, depth] = (cutout if content == "cutout" else premultiplied)(colors[depth], shown)
    return made
