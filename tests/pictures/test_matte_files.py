"""`matte_files`: from files to files, several at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dim_trt
from dim_trt import renditions
from dim_trt.errors import InvalidInput
from dim_trt.renditions import Outcome, PictureJob, Rendering, matte_files
from tests.support.photos import saved, smooth

pytestmark = pytest.mark.public
HEIGHT, WIDTH = 37, 53


@pytest.fixture(name="engine")
def fixture_engine(plan: Path) -> Iterator[dim_trt.Engine]:
    with dim_trt.Engine(plan, device="cpu") as engine:
        yield engine


def job(folder: Path, name: object, **outputs: Path) -> PictureJob:
    """With its files."""
    (folder / f"{name}.jpg").write_bytes(saved(Image.fromarray(smooth(HEIGHT, WIDTH)), "JPEG", quality=95))
    trimap = np.full((HEIGHT, WIDTH), 128, np.uint8)
    trimap[:, :10], trimap[:, -10:] = 0, 255
    Image.fromarray(trimap).save(folder / f"{name}_trimap.png")
    return PictureJob(folder / f"{name}.jpg", folder / f"{name}_trimap.png", folder / f"{name}_alpha.png", **outputs)


def test_outcomes_come_in_order_and_errors_end_no_other(engine: dim_trt.Engine, tmp_path: Path) -> None:
    jobs = [job(tmp_path, index) for index in range(7)]
    jobs[2].image.write_bytes(b"nonsense")
    jobs[4].trimap.unlink()
    Image.new("L", (3, 5), 255).save(jobs[5].trimap)  # another size
    jobs[6] = PictureJob(jobs[6].image, jobs[6].trimap, tmp_path / "none" / "alpha.png")
    outcomes = list(matte_files(engine, iter(jobs)))
    assert [outcome.job for outcome in outcomes] == jobs
    assert [outcome.error is None for outcome in outcomes] == [True, True, False, True, False, False, False]
    assert [outcome.job.alpha.exists() for outcome in outcomes] == [True, True, False, True, False, False, False]
    said = [str(outcome.error) for outcome in outcomes]
    assert "2.jpg" in said[2]
    assert "4_trimap.png" in said[4]
    assert "trimap" in said[5]
    assert "none" in said[6]
    assert outcomes[0].size == (HEIGHT, WIDTH)
    assert outcomes[0].latency_ms > 0


def test_latency_is_without_the_wait_for_other_pictures(engine: dim_trt.Engine, tmp_path: Path) -> None:
    """Runs of an engine that does one at a time: together they take no longer than all of it."""
    jobs = [job(tmp_path, index) for index in range(9)]
    start = time.perf_counter()
    outcomes = list(matte_files(engine, jobs, lookahead=6))
    assert 0 < sum(outcome.latency_ms for outcome in outcomes) < (time.perf_counter() - start) * 1e3


def test_results_are_those_of_the_engine(engine: dim_trt.Engine, tmp_path: Path) -> None:
    one = job(tmp_path, "x", cutout=tmp_path / "cut.tif", composite=tmp_path / "over.jpg")
    (outcome,) = matte_files(engine, [one], Rendering(alpha_depth=16, background="checkerboard"))
    assert outcome.error is None
    image, trimap = renditions.load(one, Rendering()).img, np.asarray(Image.open(one.trimap))
    expected = engine.run(image, trimap)
    np.testing.assert_array_equal(np.asarray(Image.open(one.alpha)), np.rint(expected * 65535).astype(np.uint16))
    with Image.open(tmp_path / "cut.tif") as cut, Image.open(tmp_path / "over.jpg") as over:
        assert (cut.mode, over.mode) == ("RGBA", "RGB")
        assert cut.size == over.size == (WIDTH, HEIGHT)


def test_a_trimap_that_fits_only_turned_is_told_so(engine: dim_trt.Engine, tmp_path: Path) -> None:
    one = job(tmp_path, "x")
    one.image.write_bytes(saved(Image.fromarray(smooth(HEIGHT, WIDTH)), "JPEG", 6))
    Image.open(one.trimap).transpose(Image.Transpose.ROTATE_90).save(one.trimap)
    (outcome,) = matte_files(engine, [one])
    assert "EXIF orientation, 6, shows it; turn it by 90 degrees clockwise" in str(outcome.error)
    assert "x_trimap.png" in str(outcome.error)


def test_reading_and_matting_overlap_and_are_bounded(
    engine: dim_trt.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [job(tmp_path, index) for index in range(6)]
    reading, most, lock = 0, 0, threading.Lock()
    load = renditions.load

    def slow(*arguments: Any) -> Any:
        nonlocal reading, most
        with lock:
            reading += 1
            most = max(most, reading)
        time.sleep(0.1)
        with lock:
            reading -= 1
        return load(*arguments)

    monkeypatch.setattr(renditions, "load", slow)
    assert all(outcome.error is None for outcome in matte_files(engine, jobs))
    assert most == renditions.STAGES
    most = 0
    assert all(outcome.error is None for outcome in matte_files(engine, jobs, lookahead=1))
    assert most == 1


def test_a_closed_iterator_pulls_no_more(engine: dim_trt.Engine, tmp_path: Path) -> None:
    pulled = 0

    def jobs() -> Iterator[PictureJob]:
        nonlocal pulled
        for index in range(100):
            pulled += 1
            yield job(tmp_path, index)

    outcomes = matte_files(engine, jobs())
    assert isinstance(next(outcomes), Outcome)
    outcomes.close()  # type: ignore[attr-defined]
    before = pulled
    assert before <= renditions.STAGES + 1
    assert next(outcomes, None) is None
    assert pulled == before


def test_wrong_arguments(plan: Path, engine: dim_trt.Engine, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="expected color='bgr'"):
        matte_files(dim_trt.Engine(plan, device="cpu", color="rgb"), [])
    for lookahead in (0, True, 1.5):
        with pytest.raises(InvalidInput, match="lookahead: expected a whole number of pictures from 1"):
            matte_files(engine, [], lookahead=lookahead)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"background: cannot read 'none\.png'"):
        matte_files(engine, [], Rendering(background="none.png"))
