"""Pictures from and to files, and composites."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from dim_trt.errors import Error, InvalidInput
from dim_trt.pictures.composite import checkerboard, composite, cover, cutout, parse_color, premultiplied
from dim_trt.pictures.encoding import can_write
from dim_trt.pictures.files import (
    check_format,
    read_image,
    read_picture,
    read_unchanged,
    write_image,
)
from dim_trt.pictures.limit import Limits
from dim_trt.pictures.picture import quantize_alpha
from dim_trt.trimaps import read_alpha, read_trimap

pytestmark = pytest.mark.public
HEIGHT, WIDTH = 23, 37


@pytest.fixture(name="img")
def fixture_img() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def test_trimap_values_become_three(tmp_path: Path) -> None:
    values = np.array([[0, 1, 127, 128, 254, 255]], np.uint8)
    cv2.imwrite(str(tmp_path / "t.png"), values)
    np.testing.assert_array_equal(read_trimap(tmp_path / "t.png"), [[0, 128, 128, 128, 128, 255]])


@pytest.mark.parametrize("depth", [8, 16])
def test_alpha_survives_a_file(depth: int, tmp_path: Path) -> None:
    alpha = np.random.default_rng(1).random((HEIGHT, WIDTH), np.float32)
    alpha[0, :2] = 0, 1
    write_image(tmp_path / "alpha.png", quantize_alpha(alpha, depth))
    back = read_alpha(tmp_path / "alpha.png")
    assert (back[0, 0], back[0, 1]) == (0, 1)
    assert np.abs(back - alpha).max() <= 0.5 / (2**depth - 1) + 1e-7


def test_deep_pictures_keep_their_bits(img: np.ndarray, tmp_path: Path) -> None:
    deep = img.astype(np.uint16) * 256 + 7
    write_image(tmp_path / "deep.png", deep)
    write_image(tmp_path / "flat.png", img)
    np.testing.assert_array_equal(read_picture(tmp_path / "deep.png").pixels, deep)
    np.testing.assert_array_equal(read_unchanged(tmp_path / "deep.png", "image"), deep)
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), np.rint(deep / 257))
    np.testing.assert_array_equal(read_image(tmp_path / "flat.png"), img)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp"])
def test_cut_off_pictures_are_refused(suffix: str, img: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / f"half{suffix}"
    data = cv2.imencode(suffix, cv2.GaussianBlur(img, (0, 0), 3))[1].tobytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InvalidInput, match=rf"image: '.*half{suffix}': (not a picture that|the file is damaged)"):
        read_image(path)


def test_empty_files_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(InvalidInput, match=r"'.*empty\.png': not a picture"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(InvalidInput, match=r"image: cannot read .*: Is a directory"):
        read_image(tmp_path)


def test_what_a_format_cannot_hold_is_refused(img: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"expected a format with an alpha channel \(\.png"):
        write_image(tmp_path / "cut.jpg", cutout(img, np.ones((HEIGHT, WIDTH), np.float32)))
    with pytest.raises(InvalidInput, match="expected a format with 16 bits"):
        write_image(tmp_path / "deep.bmp", np.zeros((HEIGHT, WIDTH), np.uint16))
    assert not list(tmp_path.iterdir())


def test_formats_are_checked_before_the_work() -> None:
    check_format("a.PNG", "cutout", channels=4, depth=16)
    check_format("a.webp", "cutout", channels=4)
    for name, options, message in (
        ("a.webp", {"channels": 4, "depth": 16}, "expected a format with 16 bits"),
        ("a.jpg", {"channels": 4}, "expected a format with an alpha channel"),
        ("a", {}, "expected a picture's suffix such as .png, got ''"),
    ):
        with pytest.raises(InvalidInput, match=message):
            check_format(name, "cutout", **options)
    if not can_write(".exr"):
        with pytest.raises(
            InvalidInput, match=r"'a\.exr': this OpenCV cannot write EXR: .* 16-bit \.tif holds as much"
        ):
            check_format("a.exr", "cutout", channels=4, depth=16)


def test_an_opencv_that_raises_where_exr_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> bool:
        raise cv2.error(f"{name}: OpenEXR codec is disabled")

    monkeypatch.setattr(cv2, "haveImageWriter", refuse)
    with pytest.raises(InvalidInput, match=r"cutout: 'a\.exr': this OpenCV cannot write EXR"):
        check_format(Path("a.exr"), "cutout")


def test_unwritable_folder_is_one_clear_error(img: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(Error, match=r"cannot write picture '.*none/x\.png': the folder does not exist"):
        write_image(tmp_path / "none" / "x.png", img)


# composites


def test_composite_over_a_color_and_over_a_picture(img: np.ndarray) -> None:
    alpha = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    weight = alpha[:, :, None].astype(float)
    for background in ((10, 200, 30), 255 - img):
        expected = weight * img + (1 - weight) * np.asarray(background)
        assert np.abs(composite(img, alpha, background) - expected).max() <= 0.501
    np.testing.assert_array_equal(composite(img, np.ones_like(alpha), (0, 0, 0)), img)


def test_composite_refuses_a_background_of_another_size(img: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match=r"background: expected a color or a picture \[23, 37, 3\]"):
        composite(img, np.ones((HEIGHT, WIDTH), np.float32), img[1:])


def test_straight_and_premultiplied_pixels(img: np.ndarray) -> None:
    alpha = np.random.default_rng(2).random((HEIGHT, WIDTH), np.float32)
    alpha[0], alpha[1] = 0, 1
    unit = (img / np.float32(255)).astype(np.float32)
    for colors, depth in ((img, 8), (unit, 16)):
        straight, multiplied = cutout(colors, alpha), premultiplied(colors, alpha)
        top = 2**depth - 1
        assert straight.dtype == multiplied.dtype == (np.uint8 if depth == 8 else np.uint16)
        assert np.abs(straight[:, :, :3] / top - unit).max() < 1e-5
        assert np.abs(multiplied[:, :, :3] - top * alpha[..., None].astype(float) * unit).max() <= 0.51
        np.testing.assert_array_equal(straight[:, :, 3], multiplied[:, :, 3])
        assert (multiplied[:, :, :3] <= multiplied[:, :, 3:]).all()
        assert not multiplied[0].any()
        np.testing.assert_array_equal(multiplied[1, :, :3], straight[1, :, :3])


def test_deep_composites_are_the_same_picture(img: np.ndarray) -> None:
    alpha = np.random.default_rng(2).random((HEIGHT, WIDTH), np.float32)
    for background in ((10, 200, 30), 255 - img):
        deep = composite((img / np.float32(255)).astype(np.float32), alpha, background)
        assert deep.dtype == np.uint16
        assert np.abs(deep / 257.0 - composite(img, alpha, background)).max() <= 0.51


def test_wrong_colors_and_alphas_are_refused(img: np.ndarray) -> None:
    alpha = np.ones((HEIGHT, WIDTH), np.float32)
    for call in (cutout, premultiplied, lambda colors, a: composite(colors, a, (0, 0, 0))):
        with pytest.raises(InvalidInput, match=r"colors: expected uint8, or float32 .* got float64"):
            call(img / 255, alpha)
        with pytest.raises(InvalidInput, match=r"alpha: expected the height and width of the colors, \[23, 37\]"):
            call(img, alpha[1:])


def test_checkerboards_have_squares_of_16_pixels() -> None:
    board = checkerboard((35, 50))
    assert board.shape == (35, 50, 3)
    assert [board[0, x, 0] for x in (0, 15, 16, 31, 32)] == [255, 255, 204, 204, 255]
    assert [board[y, 0, 0] for y in (0, 15, 16, 32)] == [255, 255, 204, 255]
    assert checkerboard((1, 1)).tolist() == [[[255] * 3]]


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (5, 100), (100, 5), (1, 1), (47, 75)])
def test_cover_has_the_size_and_keeps_proportions(size: tuple[int, int]) -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, WIDTH // 2 :] = 255
    covered = cover(picture, size)
    assert covered.shape == (*size, 3)
    if size[1] > 30:  # wide enough that both sides are away from the blurred edge
        assert covered[:, 0].max() == 0  # the middle stays in the middle
        assert covered[:, -1].min() == 255


def test_colors() -> None:
    assert parse_color("#1fA0b2") == (0xB2, 0xA0, 0x1F)
    for text in ("1fa0b2", "#1fa0b", "#1fa0bg", "red"):
        with pytest.raises(InvalidInput, match="expected a color '#rrggbb'"):
            parse_color(text)


def test_a_small_file_of_a_huge_picture_is_refused_by_its_header(img: np.ndarray, tmp_path: Path) -> None:
    data = bytearray(cv2.imencode(".png", img)[1].tobytes())
    data[16:24] = (30000).to_bytes(4, "big") * 2  # IHDR; decoding would say that it is damaged
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"at most 268435456 pixels \(max_pixels\), got 900000000 \(30000x30000\)"):
        read_image(tmp_path / "bomb.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp", ".ppm"])
def test_pixels_are_counted_in_every_format(suffix: str, img: np.ndarray, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / f"x{suffix}"), img)
    read_image(tmp_path / f"x{suffix}", limits=Limits(HEIGHT * WIDTH))
    with pytest.raises(InvalidInput, match=r"image: '.*x\.\w+': expected at most 850 .* got 851 \(37x23\)"):
        read_image(tmp_path / f"x{suffix}", limits=Limits(HEIGHT * WIDTH - 1))
