"""Random pictures in random formats, depths, orientations and profiles through `matte`: where alpha is 1, the cutout
that Pillow shows (with color management) is the photo that Pillow shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dim_trt import matte
from tests.support.photos import STORED, gray_profile, p3_profile, saved, saved_deep, shown, smooth, srgb_profile

pytestmark = pytest.mark.public
PROFILES = {"none": None, "sRGB": srgb_profile(), "P3": p3_profile()}
FORMATS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 95, "subsampling": 0},
    "AVIF": {"quality": 95},
}
MODES = {"PNG": ("RGB", "L", "RGBA", "P"), "TIFF": ("RGB", "L", "RGBA", "CMYK"), "JPEG": ("RGB", "L", "CMYK")}
ONLY_RGB = ("RGB",)


@st.composite
def photos(draw: Any) -> tuple[str, bytes]:
    """Suffix and file."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    orientation = draw(st.sampled_from(list(STORED)))
    profile = PROFILES[draw(st.sampled_from(list(PROFILES)))]
    upright = Image.fromarray(smooth(height, width, 3, seed=draw(st.integers(0, 9))))
    form = draw(st.sampled_from([*FORMATS, "PNG16"]))
    if form == "PNG16":
        return "png", saved_deep(upright, orientation, profile)
    mode = draw(st.sampled_from(MODES.get(form, ONLY_RGB)))
    if mode == "L":
        profile = gray_profile(1.8) if profile else None
    if mode == "CMYK":
        profile = None  # there is none that can be shipped
    image = upright.quantize(64) if mode == "P" else upright.convert(mode)
    options = FORMATS[form] | ({"icc_profile": profile} if profile else {})
    return form.lower(), saved(image, form, orientation, **options)


@given(
    photo=photos(),
    suffix=st.sampled_from(["png", "tif", "webp"]),
    depth=st.sampled_from([8, 16]),
    own=st.booleans(),
    srgb=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_the_cutout_shows_the_photo(
    tmp_path_factory: Any, plan: Path, photo: tuple[str, bytes], suffix: str, depth: int, own: bool, srgb: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path, trimap, cut = folder / f"photo.{photo[0]}", folder / "trimap.png", folder / f"cut.{suffix}"
    path.write_bytes(photo[1])
    expected = shown(photo[1])
    height, width = expected.shape[:2]
    known = np.full((height, width), 255, np.uint8)
    known[: height // 3, : width // 2] = 0
    known[height // 2 :, : width // 4] = 128
    Image.fromarray(known).save(trimap)
    arguments = ["--image", str(path), "--trimap", str(trimap), "-o", str(folder / "alpha.png"), "--cutout", str(cut)]
    arguments += ["--plan", str(plan), "--device", "cpu", *(["--colors", "image"] if own else [])]
    if depth == 16 and suffix != "webp" and not srgb:
        arguments += ["--color-depth", "16"]
    if srgb:
        arguments += ["--color-profile", "srgb"]
    assert matte.main(arguments) == 0
    got = shown(cut.read_bytes())
    inside = known == 255
    assert got.shape[:2] == (height, width)
    if got.shape[2] == 4 or not inside.all():  # WebP leaves out an alpha that is 1 everywhere
        assert (got[inside][:, 3] == 255).all()
    assert np.abs(got[inside][:, :3].astype(int) - expected[inside][:, :3]).max(initial=0) <= 2
