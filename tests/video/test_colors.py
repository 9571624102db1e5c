"""Frames become BGR by planes, to the bits of FFmpeg's own way."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from dim_trt.video.colors import BT709, EXACT, SMPTE170M, ColorTags, to_bgr

FORMATS = (
    "yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuvj420p", "nv12", "yuyv422", "yuv420p10le", "yuv422p10le",
    "yuv444p12le", "p010le", "yuva420p", "yuva444p10le", "gray", "gray10le", "ya8", "rgb24", "bgra", "gbrp", "gbrp10le",
)  # fmt: skip


@pytest.mark.parametrize("size", [(64, 96), (37, 53)])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_planes_hold_the_bits_of_bgr24(pixel_format: str, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8)
    picture[: size[0] // 2] = np.linspace(0, 255, size[1]).astype(np.uint8)[:, None]
    for matrix, color_range in ((BT709, ColorRange.MPEG), (SMPTE170M, ColorRange.JPEG)):
        frame = av.VideoFrame.from_ndarray(picture, "bgr24").reformat(format=pixel_format)
        if not frame.format.is_rgb:
            frame.colorspace, frame.color_range = matrix, color_range
        expected = frame.reformat(format="bgr24", interpolation=EXACT, threads=1).to_ndarray()
        found = to_bgr(frame, ColorTags(matrix, 2, 2))
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)
