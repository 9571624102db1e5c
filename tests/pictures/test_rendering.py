"""What is made of a picture and alpha, in its own colors and with its own transparency."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from dim_trt import foreground
from dim_trt.errors import InvalidInput
from dim_trt.pictures.composite import behind, composite, cutout, premultiplied
from dim_trt.pictures.decoding import decode
from dim_trt.pictures.encoding import encode
from dim_trt.pictures.picture import Picture, quantize_alpha, turn_advice
from dim_trt.pictures.rendering import Look, render
from tests.support.photos import p3_profile, saved, shown, smooth

pytestmark = pytest.mark.public
HEIGHT, WIDTH = 41, 67


@pytest.fixture(name="image")
def fixture_image() -> Picture:
    return Picture(smooth(HEIGHT, WIDTH))


@pytest.fixture(name="alpha")
def fixture_alpha() -> np.ndarray:
    alpha = np.random.default_rng(1).random((HEIGHT, WIDTH), np.float32)
    alpha[:5], alpha[-5:] = 0, 1
    return alpha


def test_everything_that_is_wanted_is_made(image: Picture, alpha: np.ndarray) -> None:
    wanted = (("alpha", 8), ("alpha", 16), ("cutout", 8), ("premultiplied", 16), ("composite", 8))
    made = render(image, alpha, Look(wanted, (10, 20, 30)))
    assert tuple(made) == wanted
    estimated, _ = foreground.estimate(image.pixels, alpha)
    np.testing.assert_array_equal(made["alpha", 8], quantize_alpha(alpha, 8))
    np.testing.assert_array_equal(made["alpha", 16], quantize_alpha(alpha, 16))
    np.testing.assert_array_equal(made["cutout", 8], cutout(estimated, alpha))
    np.testing.assert_array_equal(made["composite", 8], composite(estimated, alpha, (10, 20, 30)))
    deep, _ = foreground.estimate(image.pixels / np.float32(255), alpha)
    np.testing.assert_array_equal(made["premultiplied", 16], premultiplied(deep, alpha))


def test_own_colors_are_the_pictures(image: Picture, alpha: np.ndarray) -> None:
    made = render(image, alpha, Look((("cutout", 8),), estimate=None))
    np.testing.assert_array_equal(made["cutout", 8][:, :, :3], image.pixels)


def test_own_transparency_multiplies_alpha(alpha: np.ndarray) -> None:
    pixels = smooth(HEIGHT, WIDTH)
    opacity = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
    wanted = (("alpha", 16), ("cutout", 8), ("premultiplied", 8), ("composite", 8))
    made = render(Picture(pixels, opacity), alpha, Look(wanted, (0, 0, 0)))
    product = alpha * (opacity / np.float32(255))
    np.testing.assert_array_equal(made["alpha", 16], quantize_alpha(product, 16))
    for content in ("cutout", "premultiplied"):
        np.testing.assert_array_equal(made[content, 8][:, :, 3], quantize_alpha(product, 8))  # type: ignore[index]
    estimated, _ = foreground.estimate(pixels, alpha)  # a color under transparency is no mixture with what is behind
    np.testing.assert_array_equal(made["composite", 8], composite(estimated, product, (0, 0, 0)))


def test_backgrounds_look_the_same_under_every_profile() -> None:
    as_srgb = shown(saved(Image.fromarray(smooth(HEIGHT, WIDTH)), "PNG"))
    background = decode(saved(Image.fromarray(as_srgb), "PNG"))
    picture = behind(background, (HEIGHT, WIDTH), p3_profile())
    assert isinstance(picture, np.ndarray)
    assert np.abs(shown(encode(picture, ".png", p3_profile())).astype(int) - as_srgb).max() <= 3
    color = behind((40, 90, 200), (HEIGHT, WIDTH), p3_profile())
    flat = np.broadcast_to(np.array(color, np.uint8), (3, 5, 3)).copy()
    assert np.abs(shown(encode(flat, ".png", p3_profile())).astype(int) - (200, 90, 40)).max() <= 2
    assert behind((40, 90, 200), (HEIGHT, WIDTH)) == (40, 90, 200)


def test_backgrounds_in_another_profile_are_converted() -> None:
    tagged = saved(Image.fromarray(smooth(HEIGHT, WIDTH)), "PNG", icc_profile=p3_profile())
    picture = behind(decode(tagged), (HEIGHT, WIDTH))
    assert isinstance(picture, np.ndarray)
    assert np.abs(picture[:, :, ::-1].astype(int) - shown(tagged)).max() <= 1


@pytest.mark.parametrize(
    ("suffix", "channels"),
    [(".jpg", 3), *((suffix, channels) for suffix in (".png", ".tif", ".webp") for channels in (3, 4))],
)
def test_profiles_travel(suffix: str, channels: int) -> None:
    levels = smooth(HEIGHT, WIDTH, channels)
    data = encode(levels, suffix, p3_profile())
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == p3_profile()
    back = np.asarray(Image.open(io.BytesIO(data)))
    order = [2, 1, 0, 3][:channels]
    assert np.abs(back.astype(int) - levels[:, :, order]).max() <= (12 if suffix == ".jpg" else 0)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_profiles_travel_with_sixteen_bits(suffix: str) -> None:
    levels = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 4), np.uint16)
    data = encode(levels, suffix, p3_profile())
    image = Image.open(io.BytesIO(data))
    assert image.info["icc_profile"] == p3_profile()
    assert image.mode == "RGBA"  # by Pillow at 8 bits: so it knows the channel for alpha
    back = decode(data)
    assert back.icc_profile == p3_profile()
    np.testing.assert_array_equal(np.dstack([back.pixels, back.opacity]), levels)


def test_formats_without_profiles_get_srgb() -> None:
    levels = smooth(HEIGHT, WIDTH)
    tagged = shown(encode(levels, ".png", p3_profile()))
    assert np.abs(shown(encode(levels, ".bmp", p3_profile())).astype(int) - tagged).max() <= 1


def test_alpha_has_no_profile() -> None:
    data = encode(smooth(HEIGHT, WIDTH, 1), ".png", p3_profile())
    assert "icc_profile" not in Image.open(io.BytesIO(data)).info


def test_an_unusable_profile_is_one_sentence() -> None:
    broken = p3_profile()[:200]
    with pytest.raises(InvalidInput, match=r"its color profile cannot be used: .*; save the picture with another"):
        encode(smooth(HEIGHT, WIDTH), ".bmp", broken)


def test_sizes_that_a_format_has_not_are_one_sentence() -> None:
    with pytest.raises(InvalidInput, match="WEBP cannot hold this picture of 16384x1 px"):
        encode(np.zeros((1, 16384, 3), np.uint8), ".webp")


@pytest.mark.parametrize(
    ("size", "orientation", "advice"),
    [
        ((3, 5), 1, None),
        ((4, 6), 6, None),
        ((5, 3), 1, "it fits when turned by 90 degrees: one of the two has lost its orientation"),
        ((5, 3), 6, "as its EXIF orientation, 6, shows it; turn it by 90 degrees clockwise, do not scale it"),
        ((5, 3), 8, "turn it by 90 degrees counterclockwise, do not scale it"),
        ((5, 3), 3, "it fits when turned by 90 degrees"),
    ],
)
def test_advice_speaks_of_orientation(size: tuple[int, int], orientation: int, advice: str | None) -> None:
    said = turn_advice(size, (3, 5), orientation)
    assert said is None if advice is None else advice in str(said)


def test_the_advice_for_every_orientation_makes_it_fit() -> None:
    """What it says, done by Pillow to a trimap as it is stored."""
    upright = Image.fromarray(smooth(HEIGHT, WIDTH, 1))
    clockwise, counterclockwise = Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_90
    for orientation in (5, 6, 7, 8):
        data = saved(upright, "PNG", orientation)
        stored = Image.open(io.BytesIO(data))
        said = str(turn_advice((stored.height, stored.width), (HEIGHT, WIDTH), orientation))
        turned = stored.transpose(counterclockwise if "counterclockwise" in said else clockwise)
        if "mirror" in said:
            turned = turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        np.testing.assert_array_equal(np.asarray(turned), np.asarray(upright))
