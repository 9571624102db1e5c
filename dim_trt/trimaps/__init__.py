"""Trimaps from what people have (masks, soft masks, labels, strokes), and what is wrong with a trimap.

    from dim_trt import trimaps
    trimap = trimaps.from_mask(mask)
    for finding in trimaps.validate(trimap, img): print(finding)

In: arrays [height, width] of any of these kinds. Out: [height, width] uint8: 0 background, 255 foreground, 128 unknown.
Read `making` first; `checks` finds what is wrong.
"""

from dim_trt.trimaps.checks import Finding, validate
from dim_trt.trimaps.making import (
    DILATE,
    ERODE,
    GREEN,
    RED,
    Radius,
    Trimap,
    clean,
    from_alpha,
    from_labels,
    from_mask,
    from_scribbles,
    preview,
)

__all__ = [
    "DILATE",
    "ERODE",
    "GREEN",
    "RED",
    "Finding",
    "Radius",
    "Trimap",
    "clean",
    "from_alpha",
    "from_labels",
    "from_mask",
    "from_scribbles",
    "preview",
    "validate",
]
