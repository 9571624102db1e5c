"""Trimaps from what people have (masks, soft masks, labels, strokes), and what is wrong with a trimap.

    from dim_trt import trimaps
    trimap = trimaps.from_mask(mask)
    for finding in trimaps.validate(trimap, img): print(finding)

In: arrays [height, width] of any of these kinds. Out: [height, width] uint8: 0 background, 255 foreground, 128 unknown.
`levels` says what values mean, `making` makes trimaps, `soft` does from a network's soft mask and its picture,
`rules` joins levels and making to what commands, clips and `files` read with, and `checks` finds what is wrong. Read
`making` first.
"""

from dim_trt.trimaps.checks import validate
from dim_trt.trimaps.files import read_alpha, read_trimap
from dim_trt.trimaps.findings import Finding
from dim_trt.trimaps.making import (
    DILATE,
    ERODE,
    GREEN,
    HIGH,
    LOW,
    RED,
    Radius,
    Trimap,
    from_alpha,
    from_labels,
    from_mask,
    from_scribbles,
    object_of,
    preview,
)
from dim_trt.trimaps.rules import Examined, GivenTrimap, MaskRule, TrimapRule, clean, fraction_of
from dim_trt.trimaps.soft import from_soft_mask

__all__ = [
    "DILATE",
    "ERODE",
    "GREEN",
    "HIGH",
    "LOW",
    "RED",
    "Examined",
    "Finding",
    "GivenTrimap",
    "MaskRule",
    "Radius",
    "Trimap",
    "TrimapRule",
    "clean",
    "fraction_of",
    "from_alpha",
    "from_labels",
    "from_mask",
    "from_scribbles",
    "from_soft_mask",
    "object_of",
    "preview",
    "read_alpha",
    "read_trimap",
    "validate",
]
