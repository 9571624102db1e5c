"""From a picture alone to its trimap and its alpha."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from dim_trt.errors import InvalidInput
from dim_trt.masks.source import F32, FOUND, U8, MaskSource, largest_object, mask_of
from dim_trt.trimaps.soft import from_soft_mask

LOGGER = logging.getLogger("dim_trt")
MOST_PASSES = 2
Run = Callable[[U8, U8], F32]


@dataclass(frozen=True)
class Automatic:
    """Trimaps from a source of masks.

    source: the masks', see `open_source`.
    largest: of several objects the largest alone; else all.
    passes: 1 or 2. With 2 the alpha that came of the first trimap is looked at as the source's mask was, and matted
        once more: hair that the mask cut off is followed further, for twice the time.
    """

    source: MaskSource
    largest: bool = False
    passes: int = 1

    def __post_init__(self) -> None:
        if self.passes not in range(1, MOST_PASSES + 1):
            raise InvalidInput(f"passes: expected 1 or {MOST_PASSES}, got {self.passes!r}")

    def mask(self, img: U8, file: str | None = None) -> F32:
        """[height, width] float32 in 0..1 of a picture [height, width, 3] uint8 BGR; says so where there is no object.

        `file`: the picture's name, for messages. Raises InvalidInput where the source does not give a mask.
        """
        mask, complaint = self._mask(img)
        if complaint:
            LOGGER.warning("%s: %s", "auto" if file is None else f"auto: {file!r}", complaint)
        return mask

    def trimap(self, img: U8, file: str | None = None) -> U8:
        """[height, width] uint8: 0 background, 255 foreground, 128 unknown. Arguments and errors as of `mask`."""
        return from_soft_mask(img, self.mask(img, file))

    def examined(self, img: U8) -> tuple[U8, str | None]:
        """The trimap, and in place of a warning in the log the sentence where there is no object."""
        mask, complaint = self._mask(img)
        return from_soft_mask(img, mask), complaint

    def _mask(self, img: U8) -> tuple[F32, str | None]:
        mask, complaint = mask_of(self.source, img), None
        if not (mask >= FOUND).any():
            complaint = (
                f"no object was found, alpha is 0 everywhere: the network is sure by {mask.max():.2f} at most, and an "
                f"object takes {FOUND:.1f}"
            )
        return largest_object(mask) if self.largest else mask, complaint

    def refined(self, run: Run, img: U8, alpha: F32) -> F32:
        """The alpha of the last pass, from that of the first. `run`: an engine's, from img and trimap to alpha."""
        for _ in range(self.passes - 1):
            if not (alpha >= FOUND).any():  # nothing to learn colors from
                return alpha
            alpha = run(img, from_soft_mask(img, alpha))
        return alpha

    def alpha(self, run: Run, img: U8, file: str | None = None) -> F32:
        """[height, width] float32 in 0..1. `run`: an engine's, for BGR; the others as of `mask`."""
        return self.refined(run, img, run(img, self.trimap(img, file)))
