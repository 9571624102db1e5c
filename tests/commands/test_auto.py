"""--auto of the commands: from a picture alone, by a network that finds what is bright."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt import evaluate, masks, matte, trimap
from dim_trt.errors import InvalidInput
from dim_trt.masks.families import NORMALIZATIONS
from dim_trt.renditions import PictureJob, Rendering, load
from tests.support.mask_graphs import write_mask_network

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
pytestmark = pytest.mark.public
HEIGHT, WIDTH = 97, 131
NORM = ("--auto-norm", "centered")
SAVED = ("--save", "saved")


def discs(*circles: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Bright discs (x, y, radius) on the dark, with some noise."""
    img = np.full((HEIGHT, WIDTH, 3), (60, 30, 20), np.uint8)
    for x, y, radius in circles:
        cv2.circle(img, (x, y), radius, (120, 220, 255), -1)
    return cv2.add(img, np.random.default_rng(1).integers(0, 9, img.shape, np.uint8))


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_mask_network(tmp_path / "net.onnx")
    for name, circles in (("one", [(60, 50, 30)]), ("two", [(40, 50, 28), (105, 40, 15)]), ("none", [])):
        cv2.imwrite(f"{name}.png", discs(*circles))
    return tmp_path


def run(plan: Path, *arguments: str, code: int = 0) -> None:
    assert matte.main([*arguments, "--plan", str(plan), "--device", "cpu"]) == code


def alpha_of(name: str) -> NDArray[np.uint8]:
    picture = cv2.imread(name, cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def source() -> masks.MaskSource:
    return masks.open_source("net.onnx", normalization=NORMALIZATIONS["centered"])


def expected(plan: Path, name: str, *, largest: bool = False, passes: int = 1) -> NDArray[np.float32]:
    img = np.asarray(cv2.imread(f"{name}.png"), np.uint8)
    return masks.Automatic(source(), largest, passes).alpha(dim_trt.Engine(plan, "cpu").run, img)


def levels(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(alpha * 255).astype(np.uint8)


@pytest.mark.parametrize("passes", [1, 2])
def test_one_picture(folder: Path, plan: Path, passes: int) -> None:
    more = () if passes == 1 else ("--auto-passes", "2")
    run(plan, "--image", "one.png", "--auto", "net.onnx", *NORM, *more, "-o", "alpha.png", "--cutout", "cut.png")
    np.testing.assert_array_equal(alpha_of("alpha.png"), levels(expected(plan, "one", passes=passes)))
    assert alpha_of("alpha.png")[50, 60] == 255
    assert alpha_of("alpha.png")[3, 3] == 0
    np.testing.assert_array_equal(alpha_of("cut.png")[:, :, 3], alpha_of("alpha.png"))


def test_the_second_pass_looks_at_the_first_alpha(folder: Path) -> None:
    img, seen = discs((60, 50, 30)), []

    def engine(picture: NDArray[np.uint8], given: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(given)
        return np.asarray(discs((60, 50, 40))[:, :, 2] > 128, np.float32) if len(seen) == 1 else given / np.float32(255)

    masks.Automatic(source(), passes=2).alpha(engine, img)
    assert len(seen) == 2
    assert (seen[1] != 0).sum() > 1.2 * (seen[0] != 0).sum()  # the disc of the first alpha is larger
    with pytest.raises(InvalidInput, match="passes: expected 1 or 2, got 3"):
        masks.Automatic(source(), passes=3)


def test_a_folder_of_pictures(folder: Path, plan: Path, caplog: pytest.LogCaptureFixture) -> None:
    Path("in").mkdir()
    for name in ("one", "two", "none"):
        shutil.move(f"{name}.png", f"in/{name}.png")
    run(plan, "--image", "in", "--auto", "net.onnx", *NORM, "-o", "out")
    shutil.copytree("in", ".", dirs_exist_ok=True)
    for name in ("one", "two", "none"):
        np.testing.assert_array_equal(alpha_of(f"out/{name}.png"), levels(expected(plan, name)))
    assert "auto: 'in/none.png': no object was found, alpha is 0 everywhere" in caplog.text
    assert "'in/one.png'" not in caplog.text


def test_no_object_is_a_warning(folder: Path, plan: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(plan, "--image", "none.png", "--auto", "net.onnx", *NORM, "-o", "alpha.png")
    assert not alpha_of("alpha.png").any()
    assert "no object was found, alpha is 0 everywhere: the network is sure by 0.0" in caplog.text


def test_several_objects_or_the_largest(folder: Path, plan: Path) -> None:
    command = ("--image", "two.png", "--auto", "net.onnx", *NORM, "-o", "alpha.png")
    run(plan, *command)
    assert alpha_of("alpha.png")[40, 105] == alpha_of("alpha.png")[50, 40] == 255
    run(plan, *command, "--auto-largest")
    assert alpha_of("alpha.png")[50, 40] == 255
    assert not alpha_of("alpha.png")[:, 95:].any()
    np.testing.assert_array_equal(alpha_of("alpha.png"), levels(expected(plan, "two", largest=True)))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--auto", "net.onnx", "--mask", "one.png"), 2, "not allowed with argument"),
        (("--trimap", "one.png", "--auto-largest"), 2, "--auto-norm go with --auto"),
        (("--mask", "one.png", "--auto-size", "32x32"), 2, "--auto-norm go with --auto"),
        (("--auto", "net.onnx", "--erode", "3"), 2, "--erode, --dilate, --low and --high go with --mask"),
        (("--auto", "net.onnx", "--auto-norm", "vgg"), 2, "expected one of imagenet, unit"),
        (("--auto", "net.onnx", "--auto-passes", "3"), 2, "invalid choice"),
        (("--auto", "net.onnx"), 1, "it is not known how this network's colors are normalized"),
        (("--auto", "net.onnx", *NORM, "--auto-size", "64x64"), 1, "takes 32x24 px alone, got 64x64"),
        (("--auto", "gone.onnx"), 1, "auto: the file 'gone.onnx' does not exist"),
        (("--auto", "salience"), 1, "auto: expected salient, rembg:NAME or MODEL.onnx, got 'salience'"),
        (("--auto", "one.png"), 1, "auto: expected salient, rembg:NAME or MODEL.onnx, got 'one.png'"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    folder: Path, plan: Path, arguments: tuple[str, ...], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.suppress(SystemExit):  # argparse's own
        run(plan, "--image", "one.png", "-o", "alpha.png", *arguments, code=code)
    assert message in capsys.readouterr().err
    assert not Path("alpha.png").exists()


def test_the_network_is_not_replaced(folder: Path, plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy("net.onnx", "net.png")
    Path("alias.onnx").symlink_to("net.png")
    before = Path("net.png").read_bytes()
    run(plan, "--image", "one.png", "--auto", "alias.onnx", *NORM, "-o", "net.png", code=1)
    assert "expected a file of its own, got that of auto" in capsys.readouterr().err
    assert Path("net.png").read_bytes() == before


def test_trimap_of_a_picture(folder: Path) -> None:
    assert trimap.main(["auto", "one.png", "--auto", "net.onnx", *NORM, "-o", "trimap.png"]) == 0
    img = np.asarray(cv2.imread("one.png"), np.uint8)
    np.testing.assert_array_equal(alpha_of("trimap.png"), masks.Automatic(source()).trimap(img))
    assert set(np.unique(alpha_of("trimap.png"))) == {0, 128, 255}
    assert trimap.main(["auto", "one.png", "-o", "ours.png"]) == 0
    np.testing.assert_array_equal(alpha_of("ours.png"), masks.Automatic(masks.open_source("salient")).trimap(img))


def test_evaluate_scores_the_mask_beside_alpha(folder: Path, plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("image", "trimap", "alpha"):
        Path("set", kind).mkdir(parents=True)
    shutil.copy("one.png", "set/image/one.png")
    truth = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(truth, (60, 50), 30, 255, -1)
    cv2.imwrite("set/alpha/one.png", truth)
    cv2.imwrite("set/trimap/one.png", truth)  # is not asked: with no unknown pixel it could not be scored alone
    command = [
        "--data",
        "set",
        "--auto",
        "net.onnx",
        *NORM,
        "--plan",
        str(plan),
        "--device",
        "cpu",
        "--json",
        "s.json",
        "--save",
        "saved",
    ]
    assert evaluate.main([*command, "--csv", "s.csv", "--sheet", "sheet.png"]) == 0
    out = capsys.readouterr().out
    assert "whole picture; SAD" in out
    assert "IoU" in out
    ours, mask = json.loads(Path("s.json").read_text())["plans"]
    assert (ours["label"], mask["label"]) == (str(plan), "mask")
    img, true = np.asarray(cv2.imread("one.png"), np.uint8), truth.astype(np.float32) / 255
    soft = source()(img)
    assert mask["images"][0]["mad"] == pytest.approx(np.abs(soft - true).mean(), rel=1e-5)
    inside, within = soft >= 0.5, true >= 0.5
    assert mask["images"][0]["iou"] == pytest.approx((inside & within).sum() / (inside | within).sum())
    saved = np.asarray(cv2.imread("saved/one.png", cv2.IMREAD_UNCHANGED)) / 65535
    np.testing.assert_allclose(saved, expected(plan, "one"), atol=1e-5)
    assert ours["images"][0]["mad"] == pytest.approx(np.abs(saved - true).mean(), rel=1e-4)
    assert evaluate.main([*command, "--resume"]) == 0
    assert "resumed: kept the scores of 1 of 1 pictures" in capsys.readouterr().err
    assert evaluate.main([*command, "--resume", "--auto-largest"]) == 0
    assert "resumed: kept the scores of 0 of 1 pictures" in capsys.readouterr().err


def test_a_function_in_one_call() -> None:
    """Of BGR, whatever order the picture is in; and of a picture's file."""
    img, seen = discs((60, 50, 30)), []

    def bright(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(picture.copy())
        return np.asarray(picture[:, :, 2] > 128, np.float32)

    of_bgr = dim_trt.estimate_alpha(img, auto=bright)
    of_rgb = dim_trt.estimate_alpha(np.ascontiguousarray(img[:, :, ::-1]), auto=bright, color="rgb")
    np.testing.assert_array_equal(of_bgr, of_rgb)
    for picture in seen:
        np.testing.assert_array_equal(picture, img)
    assert of_bgr[50, 60] == 1
    assert of_bgr[2, 2] == 0
    with pytest.raises(InvalidInput, match="trimap, mask, auto: expected exactly one of them"):
        dim_trt.estimate_alpha(img, mask=of_bgr, auto=bright)
    with pytest.raises(InvalidInput, match="img: expected uint8"):
        dim_trt.estimate_alpha(img[:, :, 0], auto=bright)


def test_jobs_need_one_or_the_other(folder: Path) -> None:
    job = PictureJob(Path("one.png"), None, Path("alpha.png"))
    with pytest.raises(InvalidInput, match="trimap: expected a file, or auto in the settings, got neither"):
        load(job, Rendering())
    assert (load(job, Rendering(auto=masks.Automatic(source()))).trimap == 255).any()
