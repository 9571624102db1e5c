"""`python -m dim_trt.matte`: masks, cutouts, composites, formats and folders."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import dim_trt
from dim_trt import foreground, matte, trimaps
from dim_trt.pictures.composite import CHECKS, checkerboard
from dim_trt.pictures.encoding import can_write

pytestmark = pytest.mark.public
HEIGHT, WIDTH = 37, 53


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with image.png, trimap.png and mask.png."""
    monkeypatch.chdir(tmp_path)
    save(Path(), "image", "trimap", 0)
    Path("image/0.png").rename("image.png")
    Path("trimap/0.png").rename("trimap.png")
    for name in ("image", "trimap"):
        Path(name).rmdir()
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, 25:] = 255
    cv2.imwrite("mask.png", mask)
    return tmp_path


def save(root: Path, images: str, trimaps_: str, *names: object) -> None:
    """A picture and its trimap for each name."""
    for index, name in enumerate(names):
        trimap = np.full((HEIGHT, WIDTH), 128, np.uint8)
        trimap[:, :10], trimap[:, -10:] = 0, 255
        img = np.random.default_rng(index).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        for folder, content in ((images, img), (trimaps_, trimap)):
            (root / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(root / folder / f"{name}.png"), content)


def run(plan: Path, *arguments: str, code: int = 0) -> None:
    assert matte.main([*arguments, "--plan", str(plan), "--device", "cpu"]) == code


def read(name: str) -> NDArray:
    picture = cv2.imread(name, cv2.IMREAD_UNCHANGED)
    assert picture is not None, name
    if name.endswith("tif") and picture.ndim == 3 and picture.dtype == np.uint8:  # OpenCV multiplies by alpha
        picture = cv2.cvtColor(np.asarray(Image.open(name).convert("RGBA")), cv2.COLOR_RGBA2BGRA)[
            ..., : picture.shape[2]
        ]
    return picture


ONE = ("--image", "image.png", "--trimap", "trimap.png")


# one picture


WAYS = [(1, False), (2, False), (1, True), (8, True)]  # orientations, closed form


OPTIONS = [(), ("--orientations", "2"), ("--closed-form",), ("--best",)]


@pytest.mark.parametrize(("options", "way"), [*zip(OPTIONS, WAYS, strict=True)])
def test_what_makes_alpha_better(options: tuple[str, ...], way: tuple[int, bool], plan: Path, folder: Path) -> None:
    run(plan, *ONE, *options, "-o", "alpha.png")
    for orientations, closed_form in WAYS:
        engine = dim_trt.Engine(plan, device="cpu", orientations=orientations, closed_form=closed_form)
        alpha = np.rint(255 * engine.run(read("image.png"), read("trimap.png"))).astype(np.uint8)
        assert (read("alpha.png") == alpha).all() == (way == (orientations, closed_form))


@pytest.mark.parametrize("options", [("--orientations", "3"), ("--orientations", "2", "--best")])
def test_other_orientations_are_wrong_usage(options: tuple[str, ...], plan: Path, folder: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        run(plan, *ONE, *options)
    assert ended.value.code == 2
    assert not Path("alpha.png").exists()


@pytest.mark.smoke
def test_cutout_holds_the_estimated_foreground(plan: Path, folder: Path) -> None:
    run(plan, *ONE, "--cutout", "cut.png", "--premultiplied", "pre.png", "--composite", "over.png")
    alpha = dim_trt.Engine(plan, device="cpu").run(read("image.png"), read("trimap.png"))
    expected, _ = foreground.estimate(read("image.png"), alpha)
    cut, pre, over = read("cut.png"), read("pre.png"), read("over.png")
    np.testing.assert_array_equal(cut, np.dstack([expected, np.rint(alpha * 255).astype(np.uint8)]))
    assert np.abs(pre[:, :, :3] - alpha[..., None] * expected).max() <= 0.501
    np.testing.assert_array_equal(pre[:, :, 3], cut[:, :, 3])
    assert (pre[:, :, :3] <= pre[:, :, 3:]).all()
    assert np.abs(over - (alpha[..., None] * expected + (1 - alpha[..., None]) * 255)).max() <= 0.51


def test_the_pictures_own_colors_can_be_kept(plan: Path, folder: Path) -> None:
    run(plan, *ONE, "--cutout", "cut.png", "--colors", "image")
    np.testing.assert_array_equal(read("cut.png")[:, :, :3], read("image.png"))


def test_sixteen_bits_keep_what_the_picture_has(plan: Path, folder: Path) -> None:
    deep = np.random.default_rng(3).integers(0, 65536, (HEIGHT, WIDTH, 3), np.uint16)
    cv2.imwrite("image.png", deep)
    names = ("--cutout", "cut.png", "--premultiplied", "pre.tif", "--composite", "over.png")
    run(plan, *ONE, *names, "--color-depth", "16", "--alpha-depth", "16", "--background", "#204060")
    cut, pre, over = read("cut.png"), read("pre.tif"), read("over.png")
    assert {cut.dtype, pre.dtype, over.dtype, read("alpha.png").dtype} == {np.dtype(np.uint16)}
    known = read("trimap.png") == 255
    np.testing.assert_array_equal(cut[known][:, :3], deep[known])
    np.testing.assert_array_equal(over[known], deep[known])
    np.testing.assert_array_equal(cut[:, :, 3], read("alpha.png"))
    assert (over[read("trimap.png") == 0] == np.array([0x60, 0x40, 0x20]) * 257).all()
    assert np.abs(pre[:, :, :3] / 65535 - cut[:, :, :3] / 65535 * (cut[:, :, 3:] / 65535)).max() < 3e-5


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "tiff"])
def test_cutouts_in_every_format(suffix: str, plan: Path, folder: Path) -> None:
    run(plan, *ONE, "--cutout", f"cut.{suffix}", "-o", f"a.{suffix}")
    cut = read(f"cut.{suffix}")
    assert (cut.shape, cut.dtype) == ((HEIGHT, WIDTH, 4), np.uint8)
    alpha = read(f"a.{suffix}")
    np.testing.assert_array_equal(cut[:, :, 3], alpha if alpha.ndim == 2 else alpha[:, :, 0])


def test_exr_is_written_or_refused_in_a_sentence(plan: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    can = can_write(".exr")
    run(plan, *ONE, "--cutout", "cut.exr", code=0 if can else 1)
    if can:
        assert read("cut.exr").dtype == np.float32
    else:
        assert "error: cutout: 'cut.exr': this OpenCV cannot write EXR" in capsys.readouterr().err


def test_over_a_checkerboard(plan: Path, folder: Path) -> None:
    run(plan, *ONE, "--composite", "over.png", "--background", "checkerboard")
    board = checkerboard((HEIGHT, WIDTH))
    assert set(np.unique(board)) == set(CHECKS)
    assert (board[0, 0], board[0, 16], board[16, 16])[0].tolist() == [255] * 3
    background = read("trimap.png") == 0
    np.testing.assert_array_equal(read("over.png")[background], board[background])


@pytest.mark.smoke
def test_mask_in_place_of_a_trimap(plan: Path, folder: Path) -> None:
    run(plan, "--image", "image.png", "--mask", "mask.png", "--erode", "4", "--dilate", "6")
    trimap = trimaps.from_mask(read("mask.png"), erode=4, dilate=6)
    cv2.imwrite("made.png", trimap)
    alpha = read("alpha.png")
    run(plan, "--image", "image.png", "--trimap", "made.png", "-o", "same.png")
    np.testing.assert_array_equal(alpha, read("same.png"))
    assert (alpha[trimap == 255] == 255).all()


def test_empty_and_full_masks(plan: Path, folder: Path) -> None:
    for value in (0, 255):
        cv2.imwrite("mask.png", np.full((HEIGHT, WIDTH), value, np.uint8))
        run(plan, "--image", "image.png", "--mask", "mask.png", "--cutout", "cut.png", "-o", "a.png")
        assert (read("a.png") == value).all()
        assert (read("cut.png")[:, :, 3] == value).all()
    np.testing.assert_array_equal(read("cut.png")[:, :, :3], read("image.png"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--image", "image.png", "--mask", "mask.png", "--trimap", "trimap.png"), "not allowed with argument"),
        ((*ONE, "--erode", "3"), "--erode, --dilate, --low and --high go with --mask"),
        ((*ONE, "--colors", "image"), "--colors, --color-depth and --color-profile go with --cutout"),
        ((*ONE, "--color-depth", "16"), "--colors, --color-depth and --color-profile go with --cutout"),
        ((*ONE, "--skip-existing"), "--skip-existing is for many pictures"),
        ((*ONE, "--format", "tif"), "--format is for results in folders or on standard output"),
        (("--image", ".", "--trimap", "."), "-o is needed for many pictures"),
    ],
)
def test_wrong_usage(
    arguments: tuple[str, ...], message: str, plan: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = matte.main([*arguments, "--plan", str(plan)])
    except SystemExit as left:  # argparse's own way
        code = int(left.code or 0)
    assert code == 2
    assert message in capsys.readouterr().err
    assert not Path("alpha.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--image", "image.png", "--mask", "image.png"), "mask: 'image.png': expected a grayscale picture"),
        (("--image", "image.png", "--mask", "mask.png", "--erode", "-1"), "erode: expected a radius"),
        (
            (*ONE, "--cutout", "c.webp", "--color-depth", "16"),
            "cutout: 'c.webp': expected a format with 16 bits (.png, .tif",
        ),
        ((*ONE, "--premultiplied", "c.jpg"), "premultiplied: 'c.jpg': expected a format with an alpha channel"),
        ((*ONE, "--composite", "c.jpg", "--color-depth", "16"), "composite: 'c.jpg': expected a format with 16 bits"),
    ],
)
def test_refusals(
    arguments: tuple[str, ...], message: str, plan: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.iterdir())
    run(plan, *arguments, code=1)
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {message}")
    assert sorted(folder.iterdir()) == before


# many pictures


@pytest.fixture(name="many")
def fixture_many(folder: Path) -> tuple[str, ...]:
    save(folder, "in", "tri", "a", "b.c", "d [1]")
    return ("--image", "in", "--trimap", "tri", "-o", "out/alpha")


def test_a_folder_gives_what_single_pictures_give(
    plan: Path, folder: Path, many: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    run(plan, *many, "--cutout", "out/cut", "--composite", "out/over", "--format", "tif")
    assert "out/alpha, out/cut, out/over  3 done, 0 skipped, 0 failed" in capsys.readouterr().out
    for name in ("a", "b.c", "d [1]"):
        files = ("--image", f"in/{name}.png", "--trimap", f"tri/{name}.png")
        run(plan, *files, "-o", "one.png", "--cutout", "cut.png", "--composite", "over.png")
        for kind, one in (("alpha", "one"), ("cut", "cut"), ("over", "over")):
            np.testing.assert_array_equal(read(f"out/{kind}/{name}.tif"), read(f"{one}.png"))
    assert len(list(Path("out/alpha").iterdir())) == 3


def test_a_pattern_and_masks(plan: Path, folder: Path, many: tuple[str, ...]) -> None:
    Path("mask").mkdir()
    for name in ("a", "b.c"):
        cv2.imwrite(f"mask/{name}.tif", read("mask.png"))
    run(plan, "--image", str(folder / "in" / "[ab]*.png"), "--mask", "mask", "-o", "out", "--dilate", "5")
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.c.png"]


def test_one_bad_file_does_not_stop_the_rest(
    plan: Path, folder: Path, many: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    save(folder, "in", "tri", "cut-off", "misfit", "z")
    Path("in/cut-off.png").write_bytes(Path("in/z.png").read_bytes()[:500])
    cv2.imwrite("tri/misfit.png", np.zeros((5, 7), np.uint8))
    Path("tri/a.png").unlink()
    Path("tri/z.tif").write_bytes(b"")
    run(plan, *many, code=1)
    out, err = capsys.readouterr()
    assert "out/alpha  2 done, 0 skipped, 4 failed" in out
    assert "error: 4 of 6 pictures failed:" in err
    for line in (
        "in/a.png: trimap: expected one picture called 'a' or 'a_trimap' in 'tri', found none",
        "in/cut-off.png: image: 'in/cut-off.png': the file is damaged (it is cut off)",
        "in/misfit.png: trimap: expected the image's size",
        "in/z.png: trimap: expected one picture called 'z' or 'z_trimap' in 'tri', found z.png and z.tif",
    ):
        assert f"\n  {line}" in err
    assert sorted(path.name for path in Path("out/alpha").iterdir()) == ["b.c.png", "d [1].png"]


def test_skip_existing_resumes(
    plan: Path, folder: Path, many: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    run(plan, *many)
    Path("out/alpha/a.png").unlink()
    Path("out/alpha/b.c.png").write_bytes(b"kept")
    run(plan, *many, "--skip-existing")
    assert "1 done, 2 skipped, 0 failed" in capsys.readouterr().out
    assert Path("out/alpha/b.c.png").read_bytes() == b"kept"
    run(plan, *many, "--skip-existing", "--cutout", "out/cut")  # without its cutout no picture is finished
    assert "3 done, 0 skipped, 0 failed" in capsys.readouterr().out
    assert Path("out/alpha/b.c.png").read_bytes() != b"kept"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--image", "empty", "--trimap", "tri", "-o", "out"), "image: 'empty': expected pictures (.png"),
        (("--image", "in/*.xyz", "--trimap", "tri", "-o", "out"), "image: 'in/*.xyz': expected pictures"),
        (("--image", "in", "--trimap", "trimap.png", "-o", "out"), "trimap: 'trimap.png': expected a folder"),
        (("--image", "in", "--mask", "none", "-o", "out"), "mask: 'none': expected a folder"),
        (("--image", "in", "--trimap", "tri", "-o", "in"), "output: expected a folder of its own"),
        (("--image", "in", "--trimap", "tri", "-o", "out/../tri"), "output: expected a folder of its own"),
        (("--image", "in", "--trimap", "tri", "-o", "out", "--cutout", "out"), "output: expected a folder of its own"),
        (("--image", "in", "--trimap", "tri", "-o", "image.png"), "cannot make the folder 'image.png': File exists"),
        (("--image", "in", "--trimap", "tri", "-o", "out", "--format", "xyz"), "alpha: 'out/a.xyz': expected a"),
        (("--image", "twice", "--trimap", "tri", "-o", "out"), "image: 'twice': several pictures are called 'a'"),
    ],
)
def test_refusals_before_any_work(
    arguments: tuple[str, ...],
    message: str,
    plan: Path,
    folder: Path,
    many: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("empty").mkdir()
    Path("twice").mkdir()
    for name in ("a.png", "a.jpg"):
        cv2.imwrite(f"twice/{name}", read("image.png"))
    run(plan, *arguments, code=1)
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {message}")
    assert not Path("out").exists()
