"""Masks from the network that comes with the package."""

from __future__ import annotations

import logging

from dim_trt.masks.source import F32, U8, MaskSource
from dim_trt.plans.builder import SALIENT
from dim_trt.salient import Salient

LOGGER = logging.getLogger("dim_trt")
LIMITS = (
    "auto: the network that comes with the package learnt from drawn pictures alone and often fails on photographs; "
    "for those give another, such as rembg:u2net or MODEL.onnx"
)


class SalientMasks(MaskSource):
    """The shipped network, on the CPU: nothing is downloaded. May be called from many threads.

    It learnt from drawn pictures alone and knows no people and no things, which one warning says: see
    training/SALIENT_CARD.md.
    """

    def __init__(self) -> None:
        self._network = Salient(SALIENT, "cpu")
        LOGGER.warning(LIMITS)

    def __call__(self, img: U8, /) -> F32:
        """As `MaskSource`."""
        return self._network.run(img)
