"""Trimaps from masks, soft masks and scribbles; what the checks find; the command."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dim_trt import trimap as command
from dim_trt import trimaps
from dim_trt.errors import InvalidInput
from dim_trt.trimaps.checks import validate

pytestmark = pytest.mark.public
HEIGHT, WIDTH = 57, 83


@pytest.fixture(name="mask")
def fixture_mask() -> NDArray[np.bool_]:
    """A square with a small hole, a strand of one pixel, and nothing at the border."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[15:45, 20:60] = True
    mask[28:30, 38:40] = False
    mask[5:15, 50] = True
    return mask


def brute_distance(pixels: NDArray[np.bool_]) -> NDArray[np.float64]:
    ys, xs = np.nonzero(pixels)
    grid_y, grid_x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    return np.sqrt(((grid_y[..., None] - ys) ** 2 + (grid_x[..., None] - xs) ** 2).min(-1))


# from a mask


@pytest.mark.parametrize(("erode", "dilate"), [(0, 0), (1, 0), (0, 1), (3, 7.5), (2.5, 4), (100, 200)])
def test_bands_are_discs_around_the_mask(erode: float, dilate: float, mask: NDArray[np.bool_]) -> None:
    trimap = trimaps.from_mask(mask, erode=erode, dilate=dilate)
    expected = np.full(mask.shape, 128, np.uint8)
    expected[brute_distance(mask) > dilate] = 0
    expected[brute_distance(~mask) > erode] = 255
    np.testing.assert_array_equal(trimap, expected)
    assert trimap.dtype == np.uint8


def test_no_known_pixel_contradicts_the_mask_and_strands_and_holes_become_unknown(mask: NDArray[np.bool_]) -> None:
    trimap = trimaps.from_mask(mask, erode=2, dilate=3)
    assert not (trimap[mask] == 0).any()
    assert not (trimap[~mask] == 255).any()
    assert (trimap[5:15, 50] == 128).all()
    assert (trimap[28:30, 38:40] == 128).all()


def test_share_of_the_objects_size_scales_with_the_picture(mask: NDArray[np.bool_]) -> None:
    side = np.sqrt(mask.sum())
    np.testing.assert_array_equal(
        trimaps.from_mask(mask, erode="10%", dilate="20 %"),
        trimaps.from_mask(mask, erode=side * 0.1, dilate=side * 0.2),
    )
    large = cv2.resize(mask.astype(np.uint8), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST).astype(bool)
    small_unknown, large_unknown = (
        np.mean(trimaps.from_mask(m, erode="10%", dilate="10%") == 128) for m in (mask, large)
    )
    assert large_unknown == pytest.approx(small_unknown, rel=0.1)
    np.testing.assert_array_equal(
        trimaps.from_mask(mask, erode="0.001%", dilate="4px"), trimaps.from_mask(mask, erode=1, dilate=4)
    )


def test_the_pictures_border_is_no_edge() -> None:
    mask = np.zeros((31, 43), np.bool_)
    mask[10:, :] = True
    trimap = trimaps.from_mask(mask, erode=4, dilate=4)
    assert (trimap[-1] == 255).all()
    assert (trimap[20:, 0] == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 19), (23, 1), (HEIGHT, WIDTH)])
@pytest.mark.parametrize("value", [False, True])
def test_masks_of_one_value_are_known_everywhere(value: bool, size: tuple[int, int]) -> None:
    for radius in (0, 5, "3%"):
        trimap = trimaps.from_mask(np.full(size, value), erode=radius, dilate=radius)
        assert (trimap == (255 if value else 0)).all()


def test_masks_of_every_type_mean_the_same(mask: NDArray[np.bool_]) -> None:
    expected = trimaps.from_mask(mask)
    noisy = np.clip(mask * 255.0 + np.random.default_rng(0).normal(0, 3, mask.shape), 0, 255).astype(np.uint8)
    for same in (
        mask * np.uint8(255),
        mask.astype(np.float32),
        mask.astype(np.float64),
        noisy,
        np.asfortranarray(mask),
    ):
        np.testing.assert_array_equal(trimaps.from_mask(same), expected)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((5, 7), np.uint8), "mask: the values are 1: labels, of which none is white; pass mask == 1 for"),
        (np.ones((5, 7), np.int32), "mask: expected bool, uint8, uint16 or floats .* got int32"),
        (np.ones((5, 7), np.uint16), "mask: the values are 1: labels"),
        (np.full((5, 7), 200, np.uint16), "mask: 16 bits whose largest value is 200, where white is 65535"),
        (np.full((5, 7), 255.0), "mask: expected floats in 0..1, .*; divide by 255"),
        (np.full((5, 7), np.nan), "mask: .* NaN"),
        (np.ones((5, 7, 3), np.bool_), r"mask: expected \[height, width\] .* \[5, 7, 3\]"),
        (np.ones((0, 7), np.bool_), r"mask: .* sides of at least 1"),
        ([[True]], "mask: .* got list"),
    ],
)
def test_wrong_masks_are_refused(mask: NDArray, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        trimaps.from_mask(mask)


@pytest.mark.parametrize("radius", [-1, np.nan, np.inf, "-2%", "wide", "", "2 pc", True])
def test_wrong_radii_are_refused(radius: float | str, mask: NDArray[np.bool_]) -> None:
    for name in ("erode", "dilate"):
        with pytest.raises(InvalidInput, match=f"{name}: expected a radius"):
            trimaps.from_mask(mask, **{name: radius})


# from alpha


def test_soft_masks_are_cut_at_the_thresholds_and_widened() -> None:
    ramp = np.tile(np.linspace(0, 1, 101, dtype=np.float32), (9, 1))
    trimap = trimaps.from_alpha(ramp, low=0.2, high=0.7, erode=0, dilate=0)
    np.testing.assert_array_equal(trimap == 0, ramp <= np.float32(0.2))
    np.testing.assert_array_equal(trimap == 255, ramp >= np.float32(0.7))
    wider = trimaps.from_alpha(ramp, low=0.2, high=0.7, erode=4, dilate=6)
    assert np.count_nonzero(wider[0] == 0) == np.count_nonzero(trimap[0] == 0) - 6
    assert np.count_nonzero(wider[0] == 255) == np.count_nonzero(trimap[0] == 255) - 4


def test_exact_alpha_gives_a_trimap_that_does_not_contradict_it() -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[20:40, 20:60] = 1
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2)
    alpha[alpha > 0.999] = 1
    trimap = trimaps.from_alpha(alpha, low=0, high=1, erode=0, dilate=0)
    assert (alpha[trimap == 0] == 0).all()
    assert (alpha[trimap == 255] == 1).all()
    assert (trimap == 255).any()


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (0.9, 0.1), (-0.1, 0.5), (0.5, 1.1), (np.nan, 0.5)])
def test_thresholds_must_rise(low: float, high: float) -> None:
    with pytest.raises(InvalidInput, match="expected 0 <= low <= high <= 1"):
        trimaps.from_alpha(np.zeros((5, 7), np.float32), low=low, high=high)


# from scribbles


def strokes_on(ground: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = ground.copy()
    cv2.line(picture, (30, 30), (50, 30), trimaps.GREEN, 3)
    cv2.line(picture, (3, 3), (80, 3), trimaps.RED, 3)
    return picture


def test_strokes_on_a_plain_ground_and_on_the_picture() -> None:
    white = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    expected = trimaps.from_scribbles(strokes_on(white))
    assert expected[30, 40] == 255
    assert expected[3, 40] == 0
    assert expected[15, 40] == 128
    assert np.mean(expected == 128) > 0.8
    img = np.random.default_rng(0).integers(0, 200, (HEIGHT, WIDTH, 3), np.uint8)
    img[50:] = trimaps.GREEN  # grass is no stroke
    np.testing.assert_array_equal(trimaps.from_scribbles(strokes_on(img), img=img), expected)


def test_transparent_pixels_are_no_strokes() -> None:
    layer = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    layer[:, :, :3] = trimaps.GREEN
    layer[10:20, 10:20, 3] = 255
    trimap = trimaps.from_scribbles(layer)
    assert (trimap[10:20, 10:20] == 255).all()
    assert np.count_nonzero(trimap != 128) == 100


def test_strokes_of_other_colors() -> None:
    gray = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    gray[0], gray[1] = 255, 0
    trimap = trimaps.from_scribbles(gray, foreground=(255, 255, 255), background=(0, 0, 0), tolerance=10)
    assert trimap[:3, 0].tolist() == [255, 0, 128]
    with pytest.raises(InvalidInput, match="tolerance: expected 0 to 127 for these two colors, got 128"):
        trimaps.from_scribbles(gray, tolerance=128)
    with pytest.raises(InvalidInput, match=r"img: expected uint8 \[57, 83, 3\]"):
        trimaps.from_scribbles(gray, img=gray[1:])
    with pytest.raises(InvalidInput, match="strokes: expected uint8"):
        trimaps.from_scribbles(gray[:, :, 0])


def test_label_pictures() -> None:
    labels = np.uint8([[0, 1, 2]])
    np.testing.assert_array_equal(trimaps.from_labels(labels), [[128, 255, 0]])
    np.testing.assert_array_equal(trimaps.from_labels(labels, foreground=2, background=1), [[128, 0, 255]])
    np.testing.assert_array_equal(
        trimaps.from_labels(labels.astype(np.int64), foreground=2, background=0, unknown=1), [[0, 128, 255]]
    )
    with pytest.raises(InvalidInput, match=r"labels: expected 1 \(foreground\), .* got also 7, 9"):
        trimaps.from_labels(np.uint8([[0, 7, 9]]))
    for numbers in ({"foreground": 3, "background": 3}, {"foreground": 0}, {"unknown": -1}):
        with pytest.raises(InvalidInput, match="expected three different labels from 0, got"):
            trimaps.from_labels(labels, **numbers)
    with pytest.raises(InvalidInput, match="labels: expected integers"):
        trimaps.from_labels(labels.astype(np.float32))
    np.testing.assert_array_equal(trimaps.object_of(labels, 2), [[False, False, True]])
    with pytest.raises(InvalidInput, match="expected some pixels with the label 7, got 0, 1, 2"):
        trimaps.object_of(labels, 7)


# checks


@pytest.fixture(name="good")
def fixture_good(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return trimaps.from_mask(mask, erode=5, dilate=5)


def codes(findings: list) -> list[str]:
    return [f"{finding.severity}:{finding.code}" for finding in findings]


def test_a_good_trimap_has_no_findings(good: NDArray[np.uint8]) -> None:
    assert validate(good) == []
    assert validate(np.where(good == 128, np.uint8(127), good)) == []  # every value between is unknown
    assert validate(np.dstack([good] * 3)) == []
    assert validate(good, np.zeros((HEIGHT, WIDTH, 3), np.uint8)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t // 127, ["error:labels"]),
        (lambda t: np.where(t == 0, 1, np.where(t == 255, 2, 127)).astype(np.uint8), ["warning:noise"]),
        (lambda t: t.astype(np.float32) / 255, []),
        (lambda t: t.astype(np.float32), ["error:range"]),
        (lambda t: t > 127, ["warning:no-unknown", "warning:thin-band"]),
        (lambda t: t.astype(np.int64), ["error:dtype"]),
        (lambda t: t[0], ["error:shape"]),
        (lambda t: t[:0], ["error:shape"]),
        (lambda t: t.tolist(), ["error:shape"]),
        (lambda t: t.astype(np.uint16) * 257, []),
        (lambda t: t.astype(np.uint16), ["warning:depth"]),
        (lambda t: np.minimum(t, np.uint8(128)).astype(np.uint16), ["error:depth"]),
        (lambda t: np.dstack([t, t, t, t]), ["note:alpha-channel"]),
        (lambda t: np.dstack([0 * t, 0 * t, 0 * t, t]), ["note:alpha-channel"]),
        (lambda t: np.dstack([t, t, t, 255 - t]), ["error:alpha-channel"]),
        (lambda t: np.dstack([t, t, 255 - t]), ["error:colors"]),
        (lambda t: np.minimum(t, np.uint8(128)), ["warning:no-foreground"]),
        (lambda t: np.maximum(t, np.uint8(128)), ["warning:no-background", "warning:unknown-share"]),
        (lambda t: np.where(t == 0, np.uint8(0), np.uint8(255)), ["warning:no-unknown", "warning:thin-band"]),
        (lambda t: np.full_like(t, 128), ["warning:no-foreground", "warning:no-background", "warning:unknown-share"]),
        (lambda t: np.zeros_like(t), ["warning:one-value"]),
        (lambda t: t[:1, :1], ["warning:one-value"]),
    ],
)
def test_what_is_wrong_is_named(change, expected: list[str], good: NDArray[np.uint8]) -> None:
    found = codes(validate(change(good)))
    assert [code for code in found if code in expected] == expected
    assert set(found) - set(expected) <= {"warning:no-foreground", "warning:no-background", "warning:unknown-share"}


def test_jpeg_noise_is_found_where_it_is_and_cleaned(good: NDArray[np.uint8]) -> None:
    stored = cv2.imdecode(cv2.imencode(".jpg", good, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], 0)
    (noise,) = [finding for finding in validate(stored) if finding.code == "noise"]
    assert noise.severity == "warning"
    assert noise.pixels == np.count_nonzero(((stored > 0) & (stored <= 16)) | ((stored < 255) & (stored >= 239)))
    assert "pixels are nearly but not quite black or white" in str(noise)
    cleaned = trimaps.clean(stored, margin=60)
    assert np.mean(cleaned != good) < 0.01
    assert validate(cleaned) == []
    spot = good.copy()
    spot[2:4, 7:10] = 3
    assert validate(spot)[0].box == (2, 7, 4, 10)
    assert "(rows 2..3, columns 7..9)" in str(validate(spot)[0])


def test_sizes_are_compared(good: NDArray[np.uint8]) -> None:
    (finding,) = validate(good, np.zeros((WIDTH, HEIGHT, 3), np.uint8))
    assert (finding.severity, finding.code) == ("error", "size")
    assert "the trimap is 83x57 px, its picture 57x83 px" in finding.message
    with pytest.raises(InvalidInput, match="img: expected uint8"):
        validate(good, np.zeros((HEIGHT, WIDTH)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("sigma", "soft"), [(0.8, False), (6.0, True)])
def test_thin_bands_are_suspicious_only_at_soft_edges(sigma: float, soft: bool) -> None:
    mask = np.zeros((149, 203), np.float32)
    mask[40:110, 50:150] = 1
    alpha = cv2.GaussianBlur(mask, (0, 0), sigma)[..., None]
    random = np.random.default_rng(0)
    front, back = (np.float32(c) + random.normal(0, 6, (149, 203, 3)) for c in ([40, 60, 210], [180, 120, 60]))
    img = np.clip(alpha * front + (1 - alpha) * back, 0, 255).astype(np.uint8)
    thin = trimaps.from_mask(mask >= 0.5, erode=1, dilate=1)
    assert codes(validate(thin, img)) == (["warning:thin-band"] if soft else [])
    assert validate(trimaps.from_mask(mask >= 0.5, erode=16, dilate=16), img) == []
    assert validate(thin, img, thin_px=0) == []


# the command


@pytest.fixture(name="folder")
def fixture_folder(mask: NDArray[np.bool_], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("mask.png", mask * np.uint8(255))
    cv2.imwrite("image.png", np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    return tmp_path


def test_mask_validate_and_preview(folder: Path, mask: NDArray[np.bool_], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["mask", "mask.png", "--erode", "3", "--dilate", "10%", "-o", "t.png"]) == 0
    assert "t.png  83x57 px  foreground " in capsys.readouterr().out
    trimap = cv2.imread("t.png", 0)
    np.testing.assert_array_equal(trimap, trimaps.from_mask(mask, erode=3, dilate="10%"))
    assert command.main(["validate", "t.png", "--image", "image.png"]) == 0
    assert "t.png  ok  83x57 px" in capsys.readouterr().out
    assert command.main(["preview", "t.png", "--image", "image.png", "-o", "p.jpg"]) == 0
    img = cv2.imread("image.png")
    np.testing.assert_array_equal(trimaps.preview(img, trimap)[trimap == 128], img[trimap == 128])
    assert trimaps.preview(img, trimap)[trimap == 255].mean(0).argmax() == 0  # blue
    assert trimaps.preview(img, trimap)[trimap == 0].mean(0).argmax() == 2  # orange


def test_alpha_scribbles_labels_and_clean(folder: Path) -> None:
    cv2.imwrite("soft.png", (np.tile(np.linspace(0, 1, WIDTH), (HEIGHT, 1)) * 65535).astype(np.uint16))
    assert command.main(["alpha", "soft.png", "--low", "0.3", "--high", "0.6", "--erode", "0", "--dilate", "0"]) == 0
    trimap = cv2.imread("trimap.png", 0)
    assert np.unique(trimap).tolist() == [0, 128, 255]
    assert np.mean(trimap == 0) == pytest.approx(0.3, abs=0.02)
    cv2.imwrite("strokes.png", strokes_on(cv2.imread("image.png")))
    assert command.main(["scribbles", "strokes.png", "--image", "image.png", "-o", "s.png"]) == 0
    assert cv2.imread("s.png", 0)[30, 40] == 255
    cv2.imwrite("labels.png", np.uint8([[0, 3, 4]]))
    assert command.main(["labels", "labels.png", "--foreground", "3", "--background", "4", "-o", "l.png"]) == 0
    assert cv2.imread("l.png", 0).tolist() == [[128, 255, 0]]
    cv2.imwrite("noisy.png", np.uint8([[3, 130, 251]]))
    assert command.main(["clean", "noisy.png", "-o", "c.png"]) == 0
    assert cv2.imread("c.png", 0).tolist() == [[0, 128, 255]]


def test_validate_has_an_exit_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite("bad.png", np.uint8([[0, 1, 2, 2]]))
    assert command.main(["validate", "bad.png"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("error: labels: the values are 0, 1, 2")
    assert err == "error: bad.png: 1 of 1 findings to be mended\n"
    cv2.imwrite("half.png", np.uint8([[128, 128, 255, 255]]))
    assert command.main(["validate", "half.png"]) == 0
    assert "warning: no-background" in capsys.readouterr().out
    assert command.main(["validate", "half.png", "--strict"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mask", "none.png"], "mask: cannot read 'none.png'"),
        (["mask", "image.png"], "mask: 'image.png': expected a grayscale picture, got colors"),
        (["mask", "mask.png", "-o", "t.jpg"], "output: 't.jpg': expected a format that keeps trimaps exact"),
        (["mask", "mask.png", "--erode", "x"], "erode: expected a radius such as 7 (pixels) or '2%'"),
        (["alpha", "mask.png", "--low", "0.9", "--high", "0.1"], "low, high: expected"),
        (["scribbles", "mask.png"], "strokes: expected uint8"),
        (["scribbles", "image.png", "--foreground", "green"], "foreground: expected a color '#rrggbb', got 'green'"),
        (["labels", "mask.png"], "labels: expected 1 (foreground)"),
        (["preview", "mask.png", "--image", "none.png"], "image: cannot read"),
    ],
)
def test_command_refuses_in_one_line(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name for path in folder.iterdir()}
    assert command.main(arguments) == 1
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert {path.name for path in folder.iterdir()} == before
