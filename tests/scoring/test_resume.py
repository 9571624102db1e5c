"""What --save writes, and that --resume computes what is missing or no longer right, and nothing else."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from dim_trt.command import UsageError
from dim_trt.errors import Error, InvalidInput
from tests.support.miniature import HEIGHT, NAMES, WIDTH, CountingEngine, Run, build, document, picture
from tests.support.miniature import fixture_folder as fixture_folder
from tests.support.miniature import fixture_run as fixture_run

pytestmark = pytest.mark.public
JSON = ("--json", "s.json")
SAVE = ("--save", "alphas")


def runs() -> int:
    """Of the engine, since the last call."""
    count, CountingEngine.runs = CountingEngine.runs, 0
    return count


@pytest.mark.parametrize(("depth", "dtype", "peak"), [("8", np.uint8, 255), ("16", np.uint16, 65535)])
def test_saved_alphas_are_what_was_scored(depth: str, dtype: type, peak: int, run: Run) -> None:
    run(*JSON, *SAVE, "--alpha-depth", depth)
    assert sorted(path.name for path in Path("alphas").iterdir()) == ["alphas.jsonl", *(f"{n}.png" for n in NAMES)]
    saved, trimap = picture("alphas/cat.png"), picture("set/trimap/cat.png")
    assert (saved.shape, saved.dtype) == ((HEIGHT, WIDTH), dtype)
    alpha = CountingEngine(Path("a.plan")).run(picture("set/image/cat.png"), trimap)
    np.testing.assert_allclose(saved / peak, alpha, rtol=0, atol=0.51 / peak)
    error = np.abs(saved / peak - picture("set/alpha/cat.png") / 255)[trimap == 128]
    assert document()["plans"][0]["images"][1]["sad"] == pytest.approx(error.sum() / 1000, rel=1e-6)


def test_plans_save_into_folders_of_their_own(run: Run) -> None:
    run("--plan", "a.plan", "b.plan", *SAVE)
    assert (picture("alphas/a/cat.png") != picture("alphas/b/cat.png")).any()
    Path("other").mkdir()
    Path("other/a.plan").write_bytes(b"\x00")
    with pytest.raises(InvalidInput, match="save: expected plans with different names for the folders in it, got a, a"):
        run("--plan", "a.plan", "other/a.plan", *SAVE)


def test_a_folder_that_cannot_be_made(run: Run) -> None:
    Path("file").touch()
    with pytest.raises(Error, match="save: cannot use the folder 'file': File exists"):
        run("--save", "file")


@pytest.mark.parametrize("options", [JSON, SAVE, (*JSON, *SAVE)])
def test_resuming_computes_nothing_twice(options: tuple[str, ...], run: Run) -> None:
    first = run(*options)
    assert runs() == 3
    assert run(*options, "--resume") == first
    assert runs() == 0
    assert run(*options) == first  # without --resume all is computed
    assert runs() == 3


@pytest.mark.parametrize("options", [JSON, SAVE, (*JSON, *SAVE)])
def test_a_changed_plan_is_noticed(options: tuple[str, ...], run: Run) -> None:
    first = run(*options)
    Path("a.plan").write_bytes(b"\x50")
    runs()
    changed = run(*options, "--resume")
    assert runs() == 3
    assert changed != first
    assert run(*options, "--resume") == changed
    assert runs() == 0


def test_what_makes_alpha_better_is_noticed_and_kept(run: Run) -> None:
    run(*JSON, *SAVE)
    assert (document()["orientations"], document()["closed_form"]) == (1, False)
    runs()
    mean = run(*JSON, *SAVE, "--orientations", "8", "--resume")
    assert runs() == 3
    assert "alpha the mean over 8 orientations" in mean
    assert (document()["orientations"], document()["closed_form"]) == (8, False)
    best = run(*JSON, *SAVE, "--best", "--resume")
    assert runs() == 3
    assert "by closed-form matting from the network's alpha on" in best
    assert run(*JSON, *SAVE, "--orientations", "8", "--closed-form", "--resume") == best
    assert runs() == 0
    with pytest.raises(UsageError, match="--orientations, --closed-form and --best do not go with it"):
        run("--predictions", "alphas", "--best")


def test_changes_count_against_the_first_plan(run: Run) -> None:
    both = ("--plan", "a.plan", "b.plan", *JSON)
    run(*both)
    Path("a.plan").write_bytes(b"\x14")  # now equal to b.plan
    run(*both, "--resume")
    assert document()["plans"][1]["mean"]["max_change"] == 0


def test_a_changed_picture_is_noticed(run: Run) -> None:
    run(*JSON, *SAVE)
    runs()
    image = picture("set/image/cat.png")
    cv2.imwrite("set/image/cat.png", 255 - image)
    run(*JSON, *SAVE, "--resume")
    assert runs() == 1
    before = document()["plans"][0]["images"]
    cv2.imwrite("set/alpha/dog.png", 255 - picture("set/alpha/dog.png"))
    run(*JSON, *SAVE, "--resume")  # alpha does not depend on the truth
    assert runs() == 0
    after = document()["plans"][0]["images"]
    assert [a == b for a, b in zip(after, before, strict=True)] == [True, True, False]


def test_other_settings_are_noticed(run: Run) -> None:
    run(*JSON, *SAVE)
    runs()
    run(*JSON, *SAVE, "--resume", "--area", "whole")
    assert runs() == 0  # the alphas are the same
    assert document()["area"] == "whole"
    run(*JSON, *SAVE, "--resume", "--alpha-depth", "8")
    assert runs() == 3
    assert picture("alphas/cat.png").dtype == np.uint8


def test_new_pictures_are_added_in_order(folder: Path, run: Run) -> None:
    run(*JSON)
    runs()
    build(folder / "set", "plain", ["ant"])
    with contextlib.redirect_stderr(io.StringIO()) as said:
        run(*JSON, "--resume")
    assert runs() == 1
    assert said.getvalue() == "resumed: kept the scores of 3 of 4 pictures\n"
    assert [entry["name"] for entry in document()["plans"][0]["images"]] == ["ant", *NAMES]


@pytest.mark.parametrize("options", [JSON, (*JSON, *SAVE)])
def test_an_interrupted_run_goes_on_where_it_stopped(options: tuple[str, ...], run: Run) -> None:
    table = run(*options)
    whole = Path("s.json").read_bytes()
    runs()
    CountingEngine.fails_at = 2
    with pytest.raises(KeyboardInterrupt):
        run(*options)
    assert (document()["complete"], document()["plans"][0]["mean"]["n"]) == (False, 2)
    CountingEngine.fails_at = -1
    runs()
    assert run(*options, "--resume") == table
    assert runs() == 1
    assert Path("s.json").read_bytes() == whole


def test_an_interrupted_resumed_run_loses_nothing(folder: Path, run: Run) -> None:
    run(*JSON)
    build(folder / "set", "plain", ["bee"])  # between bear and cat
    Path("set/image/dog.png").write_bytes(b"damaged")
    with pytest.raises(InvalidInput, match="dog: image: "):
        run(*JSON, "--resume")
    assert {entry["name"] for entry in document()["plans"][0]["images"]} == {"bear", "bee", "cat", "dog"}
    assert not document()["complete"]


def test_a_journal_that_was_cut_off(run: Run) -> None:
    run(*SAVE)
    journal = Path("alphas/alphas.jsonl")
    journal.write_text(journal.read_text()[:-9])
    runs()
    run(*SAVE, "--resume")
    assert runs() == 1
    Path("alphas/bear.png").unlink()
    run(*SAVE, "--resume")
    assert runs() == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"plans": [{"label": "a", "images": [{"name": "x"}]}]}'])
def test_a_foreign_json_is_not_resumed(text: str, run: Run) -> None:
    Path("s.json").write_text(text)
    with pytest.raises(InvalidInput, match=r"json: 's.json' cannot be resumed, this version did not write it"):
        run(*JSON, "--resume")
    assert Path("s.json").read_text() == text


def test_the_command_says_it_in_one_line(folder: Path) -> None:
    Path("set/trimap/cat.png").unlink()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "dim_trt.evaluate", "--data", "set", "--predictions", "set/alpha"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert run.stderr == "error: plain: 'set/trimap/cat.png' is missing, which 'set/image/cat.png' needs\n"
    assert not run.stdout
