"""Pictures from bytes and to bytes, and what is made of pictures.

    picture = as_image(decode(data))                # upright, with its color profile and its transparency
    made = render(picture, alpha, Look(wanted=(("cutout", 8),)))
    data = encode(made["cutout", 8], ".png", picture.icc_profile)

In: files' bytes. Out: arrays [height, width(, 3 BGR)], and cutouts and composites as bytes. Read `decoding` first:
every picture comes in there (`headers`, `png`, `profiles` help) and goes out in `encoding`. `rendering` and `composite`
mix colors with alpha, `limit` says what is refused. `files` does the same with names, `folders` pairs files by name.
"""

from dim_trt.pictures.composite import behind
from dim_trt.pictures.decoding import decode
from dim_trt.pictures.encoding import encode
from dim_trt.pictures.files import read_image
from dim_trt.pictures.limit import Limits
from dim_trt.pictures.picture import Picture, as_image, quantize_alpha, to_8_bits, to_floats
from dim_trt.pictures.rendering import Look, render

__all__ = [
    "Limits",
    "Look",
    "Picture",
    "as_image",
    "behind",
    "decode",
    "encode",
    "quantize_alpha",
    "read_image",
    "render",
    "to_8_bits",
    "to_floats",
]
