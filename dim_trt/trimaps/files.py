"""Trimaps and alphas from files."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from dim_trt.files import StrPath
from dim_trt.pictures.files import read_unchanged
from dim_trt.pictures.limit import DEFAULT, Limits
from dim_trt.trimaps.making import Trimap
from dim_trt.trimaps.rules import GivenTrimap, TrimapRule, fraction_of

GIVEN = GivenTrimap()


def read_trimap(path: StrPath, rule: TrimapRule = GIVEN, limits: Limits = DEFAULT) -> Trimap:
    """[height, width] uint8: 0 background, 255 foreground, 128 unknown, of a picture's file, upright.

    Args:
        path: any format that `dim_trt.pictures.decode` reads.
        rule: what is in it: `GivenTrimap()`, or `MaskRule()` for a mask.
        limits: of the file.

    Raises:
        InvalidInput: the file cannot be read, or the rule refuses it.
    """
    return rule.trimap(read_unchanged(path, rule.argument, limits), os.fspath(path))


def read_alpha(path: StrPath, argument: str = "alpha", limits: Limits = DEFAULT) -> NDArray[np.float32]:
    """Alpha [height, width] float32 in 0..1 of a gray picture's file, or of the alpha channel of a cutout's.

    Raises:
        InvalidInput: the file cannot be read, or it is not plain what its values mean; `argument` is named.
    """
    return fraction_of(read_unchanged(path, argument, limits), argument, os.fspath(path))
