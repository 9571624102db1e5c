"""Damaged picture files: InvalidInput that names the file, or a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dim_trt import trimaps
from dim_trt.errors import Error, InvalidInput
from dim_trt.pictures import files as images

FORMATS = [".png", ".jpg", ".webp", ".tiff", ".bmp", ".ppm"]
READERS: list[Callable[[Path, str], Any]] = [
    images.read_image,
    images.read_picture,
    images.read_unchanged,
    lambda path, _: trimaps.read_trimap(path),
    trimaps.read_alpha,
]


def encoded(suffix: str, deep: bool, channels: int) -> bytes:
    shape = (13, 17) if channels == 1 else (13, 17, channels)
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    if deep and suffix in (".png", ".tiff"):
        picture = picture.astype(np.uint16) * 257
    if suffix == ".ppm" and channels != 3:
        suffix = ".png"
    ok, data = cv2.imencode(suffix, picture)
    assert ok
    return data.tobytes()


@st.composite
def damaged(draw: Any) -> bytes:
    """A picture cut off, with bytes changed, doubled or left out; or no picture at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=64))  # type: ignore[no-any-return]
    data = bytearray(encoded(draw(st.sampled_from(FORMATS)), draw(st.booleans()), draw(st.sampled_from([1, 3, 3, 4]))))
    for _ in range(draw(st.integers(0, 6))):
        # headers matter most
        position = draw(
            st.integers(0, min(80, len(data) - 1)) if draw(st.booleans()) else st.integers(0, len(data) - 1)
        )
        kind = draw(st.sampled_from(["set", "set", "set", "insert", "delete", "cut"]))
        if kind == "set":
            data[position] = draw(st.integers(0, 255))
        elif kind == "insert":
            data[position:position] = draw(st.binary(max_size=4))
        elif kind == "delete":
            del data[position : position + draw(st.integers(1, 4))]
        else:
            del data[position + 1 :]
        if not data:
            break
    return bytes(data)


@given(data=damaged(), reader=st.sampled_from(READERS))
def test_a_damaged_picture_is_refused_or_read(tmp_path_factory: Any, data: bytes, reader: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    path.write_bytes(data)
    try:
        picture = reader(path, "trimap")
    except InvalidInput as error:
        said = str(error)
    else:
        picture = getattr(picture, "pixels", picture)
        assert picture.ndim in (2, 3)
        assert picture.size > 0
        return
    assert said.startswith("trimap: ")
    assert "damaged.png" in said


@given(name=st.one_of(st.text(max_size=6), st.sampled_from(["", ".", "/", "\0", "a\0b", "\udcff", "x" * 300])))
def test_any_name_is_refused_or_read(name: str) -> None:
    for reader in READERS:
        with pytest.raises(InvalidInput):
            reader(name, "image")  # type: ignore[arg-type]


@given(name=st.one_of(st.text(max_size=6), st.sampled_from(["\0.png", "a\0.png", "\udcff/a.png", "x" * 300 + ".png"])))
def test_any_name_is_refused_for_writing(tmp_path_factory: Any, name: str) -> None:
    path = f"{tmp_path_factory.getbasetemp()}/none/{name}"
    with pytest.raises(Error):
        images.write_image(path, np.zeros((3, 5, 3), np.uint8))
