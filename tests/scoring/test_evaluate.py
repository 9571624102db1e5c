"""python -m dim_trt.evaluate on miniature data sets: scores, tables, the contact sheet, and what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from dim_trt.command import UsageError
from dim_trt.errors import Error, InvalidInput
from dim_trt.scoring.contact_sheet import COLUMNS, GAP_PX, TEXT_PX, TILE_PX, Row, contact_sheet, error_map
from dim_trt.scoring.metrics import METRICS, measure
from dim_trt.trimaps import read_alpha
from tests.support.miniature import HEIGHT, LAYOUTS, NAMES, WIDTH, CountingEngine, Run, build, document, picture
from tests.support.miniature import fixture_folder as fixture_folder
from tests.support.miniature import fixture_run as fixture_run

pytestmark = pytest.mark.public

# Scores


@pytest.mark.parametrize("layout", LAYOUTS)
def test_scores_are_those_of_the_metrics_in_every_layout(layout: str, folder: Path, run: Run) -> None:
    build(folder / layout, layout)
    out = run("--data", layout, "--json", "s.json", "--csv", "s.csv")
    assert out.startswith(f"{layout}, 3 pictures\nunknown region; SAD = sum of |alpha - truth| / 1000, MSE = ")
    plan = document()["plans"][0]
    assert [entry["name"] for entry in plan["images"]] == NAMES
    image, trimap, truth = (picture(f"{layout}/{kind}/cat.png") for kind in LAYOUTS[layout])
    alpha = CountingEngine(Path("a.plan")).run(image, trimap)
    expected = measure(alpha, read_alpha(f"{layout}/{LAYOUTS[layout][2]}/cat.png"), trimap)
    assert truth.shape == (HEIGHT, WIDTH)
    for name in METRICS:
        assert plan["images"][1][name] == pytest.approx(expected[name], rel=1e-9)
        assert plan["mean"][name] == pytest.approx(np.mean([entry[name] for entry in plan["images"]]))
    rows = list(csv.DictReader(Path("s.csv").read_text().splitlines()))
    assert [(row["label"], row["name"]) for row in rows] == [("a.plan", name) for name in NAMES]
    assert all(float(rows[i][name]) == plan["images"][i][name] for i in range(3) for name in METRICS)


def test_the_table_lists_the_worst_first_and_n_beside_every_mean(run: Run) -> None:
    out = run()
    lines = [line.split()[0] for line in out.splitlines() if line[:3] in ("dog", "cat", "bea", "mea")]
    assert lines == ["dog", "cat", "bear", "mean"]
    assert "mean (n=3)" in out
    assert "a.plan: worst SAD first, 3 of 3 pictures" in out
    short = run("--worst", "1", "--sort", "gradient")
    assert "a.plan: worst Grad first, 1 of 3 pictures" in short
    assert "mean (n=3)" in short
    assert "bear" not in short


def test_plans_are_compared_with_the_first(run: Run) -> None:
    out = run("--plan", "a.plan", "b.plan", "--json", "s.json")
    assert out.count("mean (n=3)") == 2
    assert "change of alpha against a.plan, unknown region, n=3" in out
    first, second = (plan["mean"] for plan in document()["plans"])
    assert first["max_change"] == 0
    assert 0 < second["mean_change"] <= second["max_change"] == pytest.approx(0.01, rel=1e-4)


def test_the_whole_picture_as_region(folder: Path, run: Run) -> None:
    for name in NAMES:
        cv2.imwrite(f"set/trimap/{name}.png", np.full((HEIGHT, WIDTH), 255, np.uint8))
    with pytest.raises(InvalidInput, match="bear: area: the unknown region has no pixel, there is nothing to compare"):
        run("--json", "s.json")
    assert not Path("s.json").exists()
    assert "whole picture; SAD" in run("--area", "whole", "--json", "s.json")
    assert document()["plans"][0]["images"][0]["unknown_px"] == 0


# Alphas of other tools


def test_predictions_of_another_tool(folder: Path, run: Run) -> None:
    run("--save", "alphas", "--alpha-depth", "8", "--json", "s.json")
    ours = document()["plans"][0]
    Path("alphas/cat.png").rename("alphas/cat.tif.png")
    cv2.imwrite("alphas/cat.bmp", picture("alphas/cat.tif.png"))
    out = run("--predictions", "alphas", "--json", "t.json")
    assert "alphas: worst SAD first" in out
    theirs = document("t.json")["plans"][0]
    assert theirs["mean"] == ours["mean"]
    assert (theirs["plan"], theirs["precision"], theirs["plan_bytes"]) == ("alphas", None, None)
    Path("alphas/cat.bmp").unlink()
    with pytest.raises(InvalidInput, match=r"predictions: 'alphas/cat' with a suffix such as .png is missing$"):
        run("--predictions", "alphas")
    Path("alphas/bear.png").unlink()
    with pytest.raises(InvalidInput, match=r"predictions: 'alphas/bear' .* is missing and 1 more of 3"):
        run("--predictions", "alphas")
    with pytest.raises(InvalidInput, match="predictions: the folder 'none' does not exist"):
        run("--predictions", "none")


def test_a_prediction_of_another_size_is_named(run: Run) -> None:
    run("--save", "alphas")
    cv2.imwrite("alphas/cat.png", picture("alphas/cat.png")[:, 1:])
    message = r"cat: prediction: expected the size of the truth, \[27, 41\], got \[27, 40\] in 'alphas/cat.png'"
    with pytest.raises(InvalidInput, match=message):
        run("--predictions", "alphas")


# Files that do not fit


@pytest.mark.parametrize(("kind", "argument"), [("image", "image"), ("trimap", "trimap"), ("alpha", "truth")])
def test_a_damaged_picture_is_named(kind: str, argument: str, run: Run) -> None:
    path = Path(f"set/{kind}/dog.png")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InvalidInput, match=f"dog: {argument}: 'set/{kind}/dog.png': the file is damaged"):
        run()


@pytest.mark.parametrize(("kind", "argument"), [("trimap", "trimap"), ("alpha", "truth")])
def test_a_picture_of_another_size_is_named(kind: str, argument: str, run: Run) -> None:
    cv2.imwrite(f"set/{kind}/cat.png", picture(f"set/{kind}/cat.png")[1:])
    message = (
        rf"cat: {argument}: expected the size of alpha, \[27, 41\] as 'set/image/cat.png', got \[26, 41\] in 'set/"
    )
    with pytest.raises(InvalidInput, match=message):
        run()


@pytest.mark.parametrize("option", ["--json", "--csv", "--sheet"])
def test_outputs_are_checked_before_the_work(option: str, run: Run) -> None:
    with pytest.raises(Error, match=r"cannot write 'none/s.png': the folder does not exist"):
        run(option, "none/s.png")
    assert CountingEngine.runs == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plan", "a.plan", "--precision", "fp32"], "--plan and --precision exclude each other"),
        (["--predictions", "set/alpha", "--plan", "a.plan"], "--predictions scores alphas that are there"),
        (["--predictions", "set/alpha", "--save", "alphas"], "--predictions scores alphas that are there"),
        (["--resume"], "--resume goes with --json or --save"),
        (["--alpha-depth", "8"], "--alpha-depth goes with --save"),
        (["--worst", "0"], "--worst: expected a number from 1, got 0"),
    ],
)
def test_arguments_that_do_not_go_together(arguments: list[str], message: str, run: Run) -> None:
    with pytest.raises(UsageError, match=message):
        run(*arguments)


# Contact sheet


def test_the_sheet_has_a_row_for_each_of_the_worst(run: Run) -> None:
    run("--sheet", "sheet.png")
    rows = [HEIGHT] * 3
    sheet = picture("sheet.png")
    row_px = TEXT_PX + TILE_PX[0] + GAP_PX
    assert sheet.shape == (2 * TEXT_PX + GAP_PX + len(rows) * row_px, GAP_PX + 5 * (TILE_PX[1] + GAP_PX), 3)
    top = 3 * TEXT_PX + GAP_PX
    np.testing.assert_array_equal(sheet[top : top + HEIGHT, GAP_PX : GAP_PX + WIDTH], picture("set/image/dog.png"))
    left = GAP_PX + 2 * (TILE_PX[1] + GAP_PX)
    np.testing.assert_array_equal(sheet[top : top + HEIGHT, left : left + WIDTH, 0], picture("set/alpha/dog.png"))
    run("--sheet", "sheet.png", "--worst", "2")
    assert picture("sheet.png").shape[0] == sheet.shape[0] - row_px
    with pytest.raises(InvalidInput, match=r"sheet: 'sheet.xyz': expected a picture's suffix"):
        run("--sheet", "sheet.xyz")


def test_the_sheet_scales_pictures_to_its_tiles() -> None:
    high = np.full((999, 101), 0.5, np.float32)
    row = Row("", np.full((999, 101, 3), 200, np.uint8), np.full((999, 101), 128, np.uint8), high, high)
    sheet = contact_sheet([row], "")
    tile = sheet[3 * TEXT_PX + GAP_PX :, GAP_PX : GAP_PX + TILE_PX[1]]
    assert (tile == 200).all(2).sum() == 200 * 20
    assert len(COLUMNS) == 5
    with pytest.raises(InvalidInput, match="expected at least one row"):
        contact_sheet([], "")


def test_the_error_map_tells_too_high_from_too_low() -> None:
    truth = np.array([[0, 1, 0.5]], np.float32)
    low_blue, black, orange = error_map(np.array([[1, 0, 0.5]], np.float32), truth)[0][[1, 2, 0]]
    assert low_blue[0] > low_blue[2]
    assert orange[2] > orange[0]
    assert not black.any()
