"""What the values of a trimap or mask mean: one rule, in every command, format and depth."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt import matte, trimaps
from dim_trt import trimap as command
from dim_trt.errors import InvalidInput
from dim_trt.trimaps import GivenTrimap, MaskRule, fraction_of
from dim_trt.trimaps.rules import ClipReader

pytestmark = pytest.mark.public
HEIGHT, WIDTH = 37, 53
TRIMAP = np.full((HEIGHT, WIDTH), 128, np.uint8)
TRIMAP[:, :20], TRIMAP[:, -15:] = 0, 255
MASK = np.where(TRIMAP > 100, np.uint8(255), np.uint8(0))
BLUE, GREEN, RED = (np.full((HEIGHT, WIDTH), value, np.uint8) for value in (200, 30, 90))


def labels(levels: NDArray[np.uint8], *numbers: int) -> NDArray[np.uint8]:
    return np.select([levels == 0, levels == 255], numbers[:2], numbers[2]).astype(np.uint8)


def jpeg(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 0), np.uint8)


SOFT = cv2.GaussianBlur(TRIMAP, (0, 0), 3)

# What a file holds, and what becomes of it as a trimap: nothing, with the error's code, or a trimap with warnings.
GIVEN: dict[str, tuple[NDArray[Any], NDArray[np.uint8] | None, list[str]]] = {
    "8 bits": (TRIMAP, TRIMAP, []),
    "16 bits": (TRIMAP.astype(np.uint16) * 257, TRIMAP, []),
    "16 bits, 0..255": (TRIMAP.astype(np.uint16), TRIMAP, ["depth"]),
    "16 bits, 0..128": (np.minimum(TRIMAP, 128).astype(np.uint16), None, ["depth"]),
    "16 bits, 12 of them": ((TRIMAP * 16.05882353).astype(np.uint16), None, ["depth"]),
    "floats": (TRIMAP.astype(np.float32) / 255, TRIMAP, []),
    "floats to 255": (TRIMAP.astype(np.float32), None, ["range"]),
    "labels 0, 1, 2": (labels(TRIMAP, 0, 2, 1), None, ["labels"]),
    "labels 1, 2, 3": (labels(TRIMAP, 2, 1, 3), None, ["labels"]),
    "labels in 16 bits": (labels(TRIMAP, 0, 2, 1).astype(np.uint16), None, ["labels"]),
    "a mask of 0 and 1": (MASK // 255, None, ["labels"]),
    "three channels": (np.dstack([TRIMAP] * 3), TRIMAP, []),
    "RGBA, opaque": (np.dstack([TRIMAP] * 3 + [np.full_like(TRIMAP, 255)]), TRIMAP, []),
    "RGBA, black": (np.dstack([0 * TRIMAP] * 3 + [TRIMAP]), TRIMAP, ["alpha-channel"]),
    "RGBA, a photo": (np.dstack([BLUE, GREEN, RED, TRIMAP]), TRIMAP, ["alpha-channel"]),
    "RGBA in 16 bits": (np.dstack([0 * TRIMAP] * 3 + [TRIMAP]).astype(np.uint16) * 257, TRIMAP, ["alpha-channel"]),
    "RGBA, both vary": (np.dstack([TRIMAP] * 3 + [255 - TRIMAP]), None, ["alpha-channel"]),
    "colors": (np.dstack([BLUE, GREEN, TRIMAP]), None, ["colors"]),
    "all black": (0 * TRIMAP, 0 * TRIMAP, ["one-value"]),
    "all white": (0 * TRIMAP + 255, 0 * TRIMAP + 255, ["one-value"]),
    "two values": (MASK, MASK, ["no-unknown"]),
    "JPEG": (jpeg(TRIMAP), np.where(np.isin(jpeg(TRIMAP), [0, 255]), jpeg(TRIMAP), 128), ["noise"]),
    "soft edges": (SOFT, np.where(np.isin(SOFT, [0, 255]), SOFT, 128).astype(np.uint8), ["noise"]),
}
MASKS: dict[str, tuple[NDArray[Any], list[str]]] = {
    "8 bits": (MASK, []),
    "16 bits": (MASK.astype(np.uint16) * 257, []),
    "16 bits, 0..255": (MASK.astype(np.uint16), ["depth"]),
    "floats": (MASK.astype(np.float32) / 255, []),
    "a cutout of a photo": (np.dstack([BLUE, GREEN, RED, MASK]), ["alpha-channel"]),
    "a black picture's alpha": (np.dstack([0 * MASK] * 3 + [MASK]), ["alpha-channel"]),
    "gray and alpha": (np.dstack([0 * MASK, MASK]), ["alpha-channel"]),
}
REFUSED: dict[str, tuple[NDArray[Any], str]] = {
    "0 and 1": (MASK // 255, "trimap mask m.png --object 1"),
    "0 and 1 in 16 bits": (MASK.astype(np.uint16) // 255, "trimap mask m.png --object 1"),
    "an object of many": (MASK // 255 * 11, "trimap mask m.png --object 11"),
    "in red": (np.dstack([0 * MASK, 0 * MASK, MASK // 2]), "--object '#7f0000'"),
    "a photo": (np.dstack([BLUE, MASK, RED]), "expected a grayscale picture, got colors"),
    "floats to 255": (MASK.astype(np.float32), "divide by 255"),
    "NaN": (np.full((HEIGHT, WIDTH), np.nan, np.float32), "outside or NaN"),
}


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("image.png", np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    return tmp_path


def save(name: str, picture: NDArray[Any]) -> str:
    """As PNG, or TIFF where it holds floats; two channels PNG of Pillow's making."""
    name += ".tiff" if picture.dtype.kind == "f" else ".png"
    if picture.ndim == 3 and picture.shape[2] == 2:
        pytest.importorskip("PIL.Image").fromarray(picture, "LA").save(name)
    else:
        assert cv2.imwrite(name, picture)
    return name


def matted(plan: Path, *arguments: str) -> int:
    return matte.main(["--image", "image.png", *arguments, "-o", "alpha.png", "--plan", str(plan), "--device", "cpu"])


# one table, three ways


@pytest.mark.parametrize("case", GIVEN)
def test_validate_agrees_with_matte_value_for_value(
    case: str, plan: Path, folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    picture, expected, codes = GIVEN[case]
    examined = GivenTrimap().examine(picture)
    assert [finding.code for finding in examined.findings] == codes
    name = save("t", picture)
    validated = command.main(["validate", name])
    said = capsys.readouterr().out
    assert all(f": {code}: " in said for code in codes)
    caplog.clear()
    code = matted(plan, "--trimap", name)
    records = caplog.records.copy()
    refusal = capsys.readouterr().err
    if expected is None:
        assert (validated, code) == (1, 1)
        assert examined.trimap is None
        message = trimaps.validate(picture, file=name)[0].message
        assert message in said
        assert f"error: trimap: {name!r}: {message}" in refusal
        assert not Path("alpha.png").exists()
        return
    assert (validated, code) == (0, 0)
    np.testing.assert_array_equal(examined.trimap, expected)
    np.testing.assert_array_equal(trimaps.read_trimap(name), expected)
    alpha = cv2.imread("alpha.png", 0)
    assert (alpha[expected == 0] == 0).all()
    assert (alpha[expected == 255] == 255).all()
    for finding, record in zip(GivenTrimap().examine(picture, name).findings, records, strict=True):
        assert finding.message in record.getMessage()


def test_the_advice_in_messages_works(plan: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = trimaps.from_mask(MASK)
    for name, picture, wanted in (
        ("of3", labels(TRIMAP, 0, 2, 1), TRIMAP),
        ("of123", labels(TRIMAP, 2, 1, 3), TRIMAP),
        ("mask", MASK // 255, expected),
        ("noisy", jpeg(TRIMAP), trimaps.clean(jpeg(TRIMAP))),
    ):
        findings = trimaps.validate(picture, file=save(name, picture))
        advice = next(f.message for f in findings if "dim-trt trimap" in f.message)
        words = advice.split("dim-trt trimap ")[1].split(" makes")[0].split()
        assert command.main([*words, "-o", "made.png"]) == 0
        np.testing.assert_array_equal(cv2.imread("made.png", 0), wanted)
        assert matted(plan, "--trimap", "made.png") == 0
    save("red", np.dstack([0 * MASK, 0 * MASK, MASK // 2]))
    assert matted(plan, "--mask", "red.png") == 1
    assert "--object '#7f0000' makes a trimap of one color" in capsys.readouterr().err
    assert command.main(["mask", "red.png", "--object", "#7f0000", "-o", "made.png"]) == 0
    np.testing.assert_array_equal(cv2.imread("made.png", 0), expected)


@pytest.mark.parametrize("case", MASKS)
def test_masks_mean_the_same_however_they_are_stored(
    case: str, plan: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture, codes = MASKS[case]
    examined = MaskRule(erode=2, dilate=3).examine(picture)
    expected = trimaps.from_mask(MASK, erode=2, dilate=3)
    assert [finding.code for finding in examined.findings] == codes
    np.testing.assert_array_equal(examined.trimap, expected)
    name = save("m", picture)
    assert command.main(["mask", name, "--erode", "2", "--dilate", "3", "-o", "t.png"]) == 0
    np.testing.assert_array_equal(cv2.imread("t.png", 0), expected)
    caplog.clear()
    assert matted(plan, "--mask", name, "--erode", "2", "--dilate", "3") == 0
    alpha = cv2.imread("alpha.png", 0)
    assert (alpha[expected == 255] == 255).all()
    assert (alpha[expected == 0] == 0).all()
    assert len(caplog.records) == len(codes)


@pytest.mark.parametrize("case", REFUSED)
def test_masks_that_mean_nothing_are_refused(
    case: str, plan: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, message = REFUSED[case]
    name = save("m", picture)
    for arguments in (["mask", name, "-o", "t.png"], ["alpha", name, "-o", "t.png"]):
        assert command.main(arguments) == 1
        assert message in capsys.readouterr().err.replace(name, "m.png")
    assert matted(plan, "--mask", name) == 1
    assert message in capsys.readouterr().err.replace(name, "m.png")


@pytest.mark.parametrize(("value", "word"), [(0, "black"), (255, "white")])
@pytest.mark.parametrize("argument", ["mask", "trimap"])
def test_pictures_of_one_value_are_warned_of(
    argument: str, value: int, word: str, plan: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = save("m", np.full((HEIGHT, WIDTH), value, np.uint8))
    assert matted(plan, f"--{argument}", name) == 0
    assert f"{argument}: 'm.png': the {argument} is {word} everywhere" in caplog.text
    assert (cv2.imread("alpha.png", 0) == value).all()


# soft masks


def test_soft_masks_keep_what_they_are_unsure_of(plan: Path, folder: Path) -> None:
    """Hair beside a person: at a tenth to a half, far from the edge at a half."""
    soft = MASK.copy()
    soft[5:30, 2:8] = 100
    for picture in (soft, soft.astype(np.uint16) * 257, np.dstack([BLUE, GREEN, RED, soft])):
        trimap = MaskRule(erode=2, dilate=3).trimap(picture)
        assert (trimap[5:30, 2:8] == 128).all()
        cut = MaskRule(erode=2, dilate=3, low=0.5, high=0.5).trimap(picture)
        np.testing.assert_array_equal(cut, trimaps.from_mask(MASK, erode=2, dilate=3))
    name = save("soft", soft)
    assert matted(plan, "--mask", name, "--erode", "2", "--dilate", "3") == 0
    assert len(np.unique(cv2.imread("alpha.png", 0)[5:30, 2:8])) > 2
    assert matted(plan, "--mask", name, "--erode", "2", "--dilate", "3", "--low", "0.5", "--high", "0.5") == 0
    assert (cv2.imread("alpha.png", 0)[5:30, 2:8] == 0).all()


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.4), (-0.1, 0.5), (0.5, 1.1), (0, 0)])
def test_bounds_do_not_fall(low: float, high: float) -> None:
    with pytest.raises(InvalidInput, match="low, high: expected 0 <= low <= high <= 1"):
        MaskRule(low=low, high=high)


# clips


def test_dark_frames_of_a_clip_are_read_as_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """Alone they would be labels, or white at 255 of 16 bits."""
    dark = np.where(MASK > 0, np.uint8(9), np.uint8(0))
    reader = ClipReader(MaskRule())
    with pytest.raises(InvalidInput, match="labels"):
        reader.trimap(dark, "0.png")
    reader.trimap(MASK, "1.png")
    assert (reader.trimap(dark, "2.png") == 0).all()
    deep = ClipReader(GivenTrimap())
    deep.trimap(TRIMAP.astype(np.uint16) * 257, "1.png")
    assert (deep.trimap(MASK.astype(np.uint16), "2.png") != 255).all()
    caplog.clear()
    lossy = ClipReader(GivenTrimap())
    for number in range(3):
        lossy.trimap(jpeg(TRIMAP), f"{number}.png")
        lossy.trimap(0 * TRIMAP, f"black {number}.png")
    assert len(caplog.records) == 1  # each thing once, and nothing of frames without the object


# alphas that are scored, and arrays


def test_alphas_are_read_by_the_same_rule(caplog: pytest.LogCaptureFixture) -> None:
    alpha = np.linspace(0, 255, HEIGHT * WIDTH).astype(np.uint8).reshape(HEIGHT, WIDTH)
    expected = alpha / np.float32(255)
    for same in (alpha, alpha.astype(np.uint16) * 257, expected, np.dstack([BLUE, GREEN, RED, alpha])):
        np.testing.assert_allclose(fraction_of(same, "truth"), expected, atol=1e-7)
    np.testing.assert_allclose(fraction_of(alpha.astype(np.uint16), "truth"), expected, atol=1e-7)
    assert "truth: 16 bits that hold 0..255" in caplog.text
    assert fraction_of(alpha // 100, "prediction").max() == np.float32(2 / 255)  # a bad one, but an alpha
    for mistaken in (MASK // 255, MASK.astype(np.uint16) // 255):
        with pytest.raises(InvalidInput, match=r"truth: the values are 0, 1: labels, .* == 1 for the object"):
            fraction_of(mistaken, "truth")


@pytest.mark.parametrize(
    ("mistaken", "advice"),
    [
        (labels(TRIMAP, 0, 2, 1), r"from_labels\(trimap, background=0, unknown=1, foreground=2\)"),
        (labels(TRIMAP, 2, 1, 3), r"from_labels\(trimap, background=2, unknown=3, foreground=1\)"),
        (MASK // 255, r"pass trimap == 1"),
    ],
)
def test_engines_refuse_labels(mistaken: NDArray[np.uint8], advice: str, plan: Path) -> None:
    engine = dim_trt.Engine(plan, device="cpu")
    img = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    calls: list[Callable[[], Any]] = [
        lambda: engine.run(img, mistaken),
        lambda: engine.submit(img, mistaken).result(),
        lambda: next(dim_trt.stream(engine, [(img, mistaken)])),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match=f"trimap: the values are .*: labels, .*{advice}"):
            call()
    engine.run(img, 0 * TRIMAP)  # nothing is known to be wrong with it


def test_what_is_read_in_a_way_that_is_not_plain_is_said_once(
    plan: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in ("in", "masks"):
        Path(kind).mkdir()
    for name in "abc":
        Path(f"in/{name}.png").write_bytes(Path("image.png").read_bytes())
        save(f"masks/{name}", np.dstack([BLUE, GREEN, RED, MASK]))
    with caplog.at_level(logging.WARNING, "dim_trt"):
        assert matte.main(["--image", "in", "--mask", "masks", "-o", "out", "--plan", str(plan)]) == 0
    assert [record.getMessage() for record in caplog.records] == [
        "mask: the alpha channel is taken, as the colors say nothing else"
    ]
