"""Pictures from and to files, and composites."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from dim_trt.composite import composite, cover, cutout, parse_colour
from dim_trt.errors import Error, InvalidInput
from dim_trt.images import quantize_alpha, read_alpha, read_image, read_trimap, write_image

HEIGHT, WIDTH = 23, 37


@pytest.fixture(name="img")
def fixture_img() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def test_jpeg_is_turned_as_exif_says(img: np.ndarray, tmp_path: Path) -> None:
    data = cv2.imencode(".jpg", cv2.GaussianBlur(img, (0, 0), 3))[1].tobytes()
    turn_right = 6
    entry = b"\x12\x01\x03\x00\x01\x00\x00\x00" + bytes([turn_right, 0, 0, 0])
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + b"\0\0\0\0"
    path = tmp_path / "turned.jpg"
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    (tmp_path / "plain.jpg").write_bytes(data)
    expected = np.rot90(read_image(tmp_path / "plain.jpg"), -1)
    np.testing.assert_array_equal(read_image(path), expected)


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


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp"])
def test_cut_off_pictures_are_refused(suffix: str, img: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / f"half{suffix}"
    data = cv2.imencode(suffix, cv2.GaussianBlur(img, (0, 0), 3))[1].tobytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InvalidInput, match=rf"image: '.*half{suffix}' is not a picture that OpenCV can decode"):
        read_image(path)


def test_empty_files_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(InvalidInput, match=r"'.*empty\.png' is not a picture"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(InvalidInput, match=r"image: cannot read .*: Is a directory"):
        read_image(tmp_path)


def test_what_a_format_cannot_hold_is_refused(img: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"expected a format with an alpha channel \(\.png"):
        write_image(tmp_path / "cut.jpg", cutout(img, np.ones((HEIGHT, WIDTH), np.float32)))
    with pytest.raises(InvalidInput, match="expected a format with 16 bits"):
        write_image(tmp_path / "deep.bmp", np.zeros((HEIGHT, WIDTH), np.uint16))
    assert not list(tmp_path.iterdir())


def test_unwritable_folder_is_one_clear_error(img: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(Error, match=r"cannot write picture '.*none/x\.png': the folder does not exist"):
        write_image(tmp_path / "none" / "x.png", img)


# composites


def test_composite_over_a_colour_and_over_a_picture(img: np.ndarray) -> None:
    alpha = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    weight = alpha[:, :, None].astype(float)
    for background in ((10, 200, 30), 255 - img):
        expected = weight * img + (1 - weight) * np.asarray(background)
        assert np.abs(composite(img, alpha, background) - expected).max() <= 0.501
    np.testing.assert_array_equal(composite(img, np.ones_like(alpha), (0, 0, 0)), img)


def test_composite_refuses_a_background_of_another_size(img: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match=r"background: expected a colour or a picture \[23, 37, 3\]"):
        composite(img, np.ones((HEIGHT, WIDTH), np.float32), img[1:])


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (5, 100), (100, 5), (1, 1), (47, 75)])
def test_cover_has_the_size_and_keeps_proportions(size: tuple[int, int]) -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, WIDTH // 2 :] = 255
    covered = cover(picture, size)
    assert covered.shape == (*size, 3)
    if size[1] > 30:  # wide enough that both sides are away from the blurred edge
        assert covered[:, 0].max() == 0  # the middle stays in the middle
        assert covered[:, -1].min() == 255


def test_colours() -> None:
    assert parse_colour("#1fA0b2") == (0xB2, 0xA0, 0x1F)
    for text in ("1fa0b2", "#1fa0b", "#1fa0bg", "red"):
        with pytest.raises(InvalidInput, match="expected a colour '#rrggbb'"):
            parse_colour(text)
