"""Bytes to pictures: orientation, color, transparency, depth and damage, in every format that has them."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from dim_trt.errors import InvalidInput
from dim_trt.pictures.decoding import decode
from dim_trt.pictures.encoding import encode
from dim_trt.pictures.limit import Limits
from dim_trt.pictures.picture import Picture, as_image, to_8_bits
from tests.support.photos import STORED, gray_profile, p3_profile, saved, shown, smooth

pytestmark = pytest.mark.public
HEIGHT, WIDTH = 41, 67
LOSSY = {"JPEG": {"quality": 95, "subsampling": 0}, "AVIF": {"quality": 95, "subsampling": "4:4:4"}}
EXACT: dict[str, dict[str, object]] = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}


def rgb(picture: Picture) -> NDArray[np.uint8]:
    return to_8_bits(as_image(picture).pixels)[:, :, ::-1]


@pytest.fixture(name="image", scope="module")
def fixture_image() -> Image.Image:
    return Image.fromarray(smooth(HEIGHT, WIDTH))


# orientation


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("form", [*EXACT, *LOSSY])
def test_every_orientation_in_every_format_is_upright(form: str, orientation: int, image: Image.Image) -> None:
    data = saved(image, form, orientation, **{**EXACT, **LOSSY}[form])
    picture = decode(data)
    assert picture.size == (HEIGHT, WIDTH)
    assert picture.orientation == orientation or form == "AVIF"  # which stores a turn of its own
    assert np.abs(rgb(picture).astype(int) - np.asarray(image)).max() <= (0 if form in EXACT else 12)


def test_exif_behind_the_pixels_counts(image: Image.Image) -> None:
    data = saved(image, "PNG", 6)
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    behind = data.index(b"IEND") - 4
    moved = data[:start] + data[end:behind] + data[start:end] + data[behind:]
    np.testing.assert_array_equal(rgb(decode(moved)), np.asarray(image))


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_tiff_is_upright(dtype: type, orientation: int, image: Image.Image) -> None:
    upright = np.asarray(image).astype(np.float64) / 255
    stored = np.asarray(image if STORED[orientation] is None else image.transpose(STORED[orientation]))
    top = 65535 if dtype is np.uint16 else 1
    ok, data = cv2.imencode(".tif", (stored[:, :, ::-1] / 255 * top).astype(dtype))
    assert ok
    picture = decode(with_tiff_orientation(data.tobytes(), orientation))
    assert picture.pixels.dtype == dtype
    np.testing.assert_allclose(picture.pixels[:, :, ::-1] / top, upright, atol=2e-5)


def with_tiff_orientation(data: bytes, orientation: int) -> bytes:
    """Rewritten, with the tag."""
    (start,) = struct.unpack("<I", data[4:8])
    (count,) = struct.unpack("<H", data[start : start + 2])
    entries = [data[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    kept = [entry for entry in entries if entry[:2] != struct.pack("<H", 274)]
    kept.append(struct.pack("<HHIHH", 274, 3, 1, orientation, 0))
    directory = struct.pack("<H", len(kept)) + b"".join(sorted(kept, key=lambda e: e[1] * 256 + e[0])) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


# color


@pytest.mark.parametrize("form", [*EXACT, *LOSSY])
def test_profiles_are_kept_with_the_numbers(form: str, image: Image.Image) -> None:
    data = saved(image, form, icc_profile=p3_profile(), **{**EXACT, **LOSSY}[form])
    picture = decode(data)
    assert picture.icc_profile == p3_profile()
    assert np.abs(rgb(picture).astype(int) - np.asarray(image)).max() <= (0 if form in EXACT else 12)


def test_a_profile_is_converted_on_request(image: Image.Image) -> None:
    data = saved(image, "PNG", icc_profile=p3_profile())
    converted = as_image(decode(data), srgb=True)
    assert converted.icc_profile is None
    assert np.abs(converted.pixels[:, :, ::-1].astype(int) - shown(data)).max() <= 1
    assert np.abs(np.asarray(image).astype(int) - shown(data)).max() > 10  # it makes a difference
    deep = Picture(decode(data).pixels.astype(np.uint16) * 257, icc_profile=p3_profile())
    np.testing.assert_array_equal(as_image(deep, srgb=True).pixels, converted.pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_with_a_profile_looks_as_it_should(dtype: type) -> None:
    gray = smooth(HEIGHT, WIDTH, 1)
    profile = gray_profile(1.8)
    picture = Picture(gray if dtype is np.uint8 else gray.astype(np.uint16) * 257, icc_profile=profile)
    if dtype is np.uint8:
        read = decode(saved(Image.fromarray(gray), "TIFF", icc_profile=profile))
        np.testing.assert_array_equal(read.pixels, gray)  # as a trimap or mask is read
        assert read.icc_profile == profile
    image = as_image(picture)
    assert image.icc_profile is None
    light = (gray / 255.0) ** 1.8
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(image.pixels[:, :, 0] / np.iinfo(dtype).max - srgb).max() < 1.5 / 255


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_becomes_srgb(form: str, image: Image.Image) -> None:
    separated = image.convert("CMYK")
    data = saved(separated, form, **LOSSY.get(form, {}))
    assert np.abs(rgb(decode(data)).astype(int) - np.asarray(separated.convert("RGB"))).max() <= 8


def test_lab_becomes_srgb(image: Image.Image) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(image, to_lab)
    assert np.abs(rgb(decode(saved(lab, "TIFF"))).astype(int) - np.asarray(image)).mean() < 4


def test_sixteen_bits_round_to_eight() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(to_8_bits(levels), np.rint(levels / 257))
    for suffix in (".png", ".tif"):
        np.testing.assert_array_equal(decode(encode(levels, suffix)).pixels, levels)


@pytest.mark.parametrize("suffix", [".pfm", ".hdr", ".tif"])
def test_floats_are_refused_as_pictures(suffix: str) -> None:
    pixels = np.random.default_rng(0).random((HEIGHT, WIDTH, 3), np.float32)
    ok, data = cv2.imencode(suffix, pixels)
    assert ok
    picture = decode(data.tobytes())
    assert picture.pixels.dtype == np.float32
    with pytest.raises(InvalidInput, match="expected 8 or 16 bits, got float32, of which nothing says what is white"):
        as_image(picture)


# transparency

MODES: dict[str, list[str]] = {
    "RGBA": ["PNG", "TIFF", "WEBP", "AVIF"],
    "LA": ["PNG", "TIFF"],
    "P": ["PNG", "GIF"],
    "PA": [],
}


@pytest.mark.parametrize(("mode", "form"), [(mode, form) for mode, forms in MODES.items() for form in forms])
def test_transparency_is_the_same_in_every_format(mode: str, form: str) -> None:
    colors = smooth(HEIGHT, WIDTH, 1 if mode == "LA" else 3)
    opacity = np.zeros((HEIGHT, WIDTH), np.uint8)
    opacity[:, WIDTH // 3 :] = 255
    if mode != "P":
        opacity[:, WIDTH // 3 : WIDTH // 2] = 128
    image = Image.fromarray(np.dstack([colors, opacity]), "LA" if mode == "LA" else "RGBA")
    if mode == "P":
        image = Image.fromarray(colors).quantize(200)
        indices = np.where(opacity == 0, 255, np.asarray(image)).astype(np.uint8)
        image = Image.frombytes("P", image.size, indices.tobytes())
        image.putpalette(np.resize(Image.fromarray(colors).quantize(200).getpalette() or [], 768).tolist())
        image.info["transparency"] = 255
    options = {"WEBP": {"lossless": True, "exact": True}, "AVIF": LOSSY["AVIF"], "GIF": {"transparency": 255}}
    picture = decode(saved(image, form, **options.get(form, {"transparency": 255} if mode == "P" else {})))
    assert picture.opacity is not None
    np.testing.assert_array_equal(picture.opacity, opacity)
    visible = opacity > 0
    expected = np.asarray(image.convert("RGBA"))[:, :, :3]
    near = rgb(picture).astype(int)[visible] - expected[visible]
    assert np.abs(near).max() <= (12 if form == "AVIF" else 0)


def test_deep_transparency(image: Image.Image) -> None:
    levels = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 4), np.uint16)
    for suffix in (".png", ".tif"):
        picture = decode(encode(levels, suffix))
        np.testing.assert_array_equal(picture.pixels, levels[:, :, :3])
        np.testing.assert_array_equal(picture.opacity, levels[:, :, 3])


def test_a_color_can_be_the_transparent_one(image: Image.Image) -> None:
    stored = np.asarray(image).copy()
    stored[:5] = 1, 2, 3
    picture = decode(saved(Image.fromarray(stored), "PNG", transparency=(1, 2, 3)))
    assert picture.opacity is not None
    assert not picture.opacity[:5].any()
    assert (picture.opacity[5:] == 255).all()


def test_opaque_pictures_have_no_transparency(image: Image.Image) -> None:
    assert decode(saved(image.convert("RGBA"), "PNG")).opacity is None


def test_hidden_colors_are_gone_from_images() -> None:
    pixels = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    pixels[:, :20] = 0, 255, 0
    opacity = np.full((HEIGHT, WIDTH), 255, np.uint8)
    opacity[:, :20] = 0
    for scale in (1, 257):
        picture = Picture(pixels.astype(np.uint16 if scale > 1 else np.uint8) * scale, opacity)
        image = as_image(picture)
        assert np.abs(to_8_bits(image.pixels).astype(int) - 200).max() <= 2
    assert not as_image(Picture(pixels, np.zeros_like(opacity))).pixels.any()


# damage


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def hole(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(300) + data[middle + 300 :]


@pytest.mark.parametrize(
    ("form", "damage"),
    [*((form, hole) for form in ("JPEG", "PNG", "AVIF", "GIF")), *((form, cut) for form in (*EXACT, *LOSSY, "BMP"))],
)
def test_damaged_files_are_refused(
    form: str, damage: Callable[[bytes], bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    data = saved(Image.fromarray(noise), form)
    decode(data)
    with pytest.raises(InvalidInput, match="damaged"):
        decode(damage(data))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("damage", [cut, hole])
def test_damaged_jpeg_can_be_accepted(
    damage: Callable[[bytes], bytes], progressive: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8))
    data = damage(saved(noise, "JPEG", quality=95, progressive=progressive))
    with pytest.raises(InvalidInput, match=r"the file is damaged \(.*\); --accept-damaged"):
        decode(data)
    picture = decode(data, Limits(accept_damaged=True))
    assert picture.damage
    assert picture.size == (200, 300)
    assert capfd.readouterr() == ("", "")


def test_a_wrong_checksum_is_damage_that_can_be_accepted(image: Image.Image) -> None:
    data = bytearray(saved(image, "PNG"))
    end = data.index(b"IEND")
    data[end - 5] ^= 1  # of the chunk before
    with pytest.raises(InvalidInput, match="the checksum of its IDAT is wrong"):
        decode(bytes(data))
    picture = decode(bytes(data), Limits(accept_damaged=True))
    np.testing.assert_array_equal(rgb(picture), np.asarray(image))


def test_lost_exif_data_is_damage(image: Image.Image) -> None:
    data = saved(image, "JPEG", 6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decode(data)
        start = data.index(b"MM\0*")
        broken = data[: start + 8] + b"\xff\xff" + data[start + 10 :]  # far more entries than there are
        with pytest.raises(InvalidInput, match="damaged"):
            decode(broken)


def test_what_is_only_unusual_is_no_damage(image: Image.Image) -> None:
    data = saved(image, "JPEG")
    jfif = data.index(b"JFIF\0")
    unknown = data[: jfif + 5] + b"\x07" + data[jfif + 6 :]  # a revision that libjpeg does not know, and says so
    assert decode(unknown).damage is None
    assert decode(data + b"trailing bytes").damage is None
    png = saved(image, "PNG", icc_profile=p3_profile())
    assert decode(png + b"trailing bytes").damage is None


def test_odd_profiles_print_nothing(image: Image.Image, capfd: pytest.CaptureFixture[str]) -> None:
    bad = b"iCCP" + b"x\0\0" + zlib.compress(b"no profile")
    chunk = struct.pack(">I", len(bad) - 4) + bad + struct.pack(">I", zlib.crc32(bad))
    for depth in (8, 16):
        levels = np.zeros((3, 5, 3), np.uint8 if depth == 8 else np.uint16)
        data = encode(levels, ".png")
        assert decode(data[:33] + chunk + data[33:]).icc_profile is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0\x08\0\0\0", b"RIFF    WEBP", b"P6 "]
)
def test_beginnings_are_no_pictures(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="damaged"):
        decode(data)


def test_heic_needs_its_package_or_is_read(image: Image.Image) -> None:
    try:
        import pillow_heif
    except ImportError:
        with pytest.raises(InvalidInput, match="HEIC needs pillow-heif, which is not installed"):
            decode(b"\0\0\0\x18ftypheic" + bytes(100))
        return
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=95)
    assert np.abs(rgb(decode(stream.getvalue())).astype(int) - np.asarray(image)).mean() < 4


def test_limits_are_checked() -> None:
    with pytest.raises(InvalidInput, match="max_pixels: expected a whole number from 1, got 0"):
        Limits(0)
