"""Soft masks of the objects in a picture, from networks that need the picture alone: where a trimap can come from.

    source = masks.open_source("u2netp.onnx")   # or "rembg:u2netp", or any function of yours
    mask = source(img)                          # [height, width] float32 in 0..1
    alpha = masks.Automatic(source).alpha(engine.run, img)

In: pictures [height, width, 3] uint8 BGR. Out: masks, from which `dim_trt.trimaps.from_soft_mask` makes trimaps. Read
`source` first: it says what a source is. `opening` finds one by its name, `network` runs an ONNX file (`families` knows
how known ones are fed, `reading` what their outputs mean), `rembg_session` one of rembg's, and `automatic` goes from
picture to trimap and alpha.
"""

from dim_trt.masks.automatic import Automatic
from dim_trt.masks.families import Normalization
from dim_trt.masks.network import OnnxMasks
from dim_trt.masks.opening import open_source
from dim_trt.masks.rembg_session import RembgMasks
from dim_trt.masks.source import MaskSource, largest_object, mask_of

__all__ = [
    "Automatic",
    "MaskSource",
    "Normalization",
    "OnnxMasks",
    "RembgMasks",
    "largest_object",
    "mask_of",
    "open_source",
]
