"""How sure a run is: lines in a file, one warning, or a stop."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.video.moving_scenes import clips
from dim_trt.errors import InvalidInput
from dim_trt.video.report import HEADER, LOST, LOST_FRAMES, Report
from dim_trt.video.results import Results
from tests.support.clips import drawn, shown, trimap_of, write_clip
from training.scenes.textures import Size

Run = Callable[..., tuple[int, str]]
FAILED = 0.03  # mean error of alpha
SURE, LOST_NOW = LOST / 2, LOST + 0.2


def test_one_warning_names_the_frame_where_it_began(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level(logging.WARNING, "dim_trt"), Report(tmp_path / "report.csv") as report:
        for index, doubt in enumerate([SURE, LOST_NOW, LOST_NOW, SURE, *[LOST_NOW] * 6]):
            assert len(caplog.records) == (index > 3 + LOST_FRAMES)
            report.note(index, doubt, 0.25)
        assert report.line == f"doubt {LOST_NOW:.0%}"
    assert len(caplog.records) == 1
    assert "frame 4: from here on part of the matte is a guess" in caplog.text
    lines = (tmp_path / "report.csv").read_text().splitlines()
    assert lines[:3] == [HEADER, f"0,{SURE:.3f},0.2500", f"1,{LOST_NOW:.3f},0.2500"]
    assert len(lines) == 11


def test_a_lost_matte_stops() -> None:
    with Report(None, stop=True) as report:
        for index in range(7, 6 + LOST_FRAMES):
            report.note(index, LOST_NOW, 0.1)
        with pytest.raises(InvalidInput, match=r"frame 7: .* add a trimap or mask of it"):
            report.note(6 + LOST_FRAMES, LOST_NOW, 0.1)


def test_trimaps_that_are_not_carried_have_no_doubt(
    run: Run, clip: Path, trimaps: Callable[..., Path], tmp_path: Path
) -> None:
    code, said = run(
        clip, "--trimap", trimaps(23), "--alpha", tmp_path / "a.mkv", "--report", tmp_path / "r.csv", "--stop-when-lost"
    )
    assert code == 0, said
    lines = [line.split(",") for line in (tmp_path / "r.csv").read_text().splitlines()[1:]]
    assert [int(line[0]) for line in lines] == list(range(23))
    assert {line[1] for line in lines} == {""}
    unknown = (trimap_of(drawn(23)[1][5]) == 128).mean()
    assert float(lines[5][2]) == pytest.approx(unknown, abs=1e-4)


def test_a_run_that_goes_on_has_the_report_of_a_whole_one(
    run: Run, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(tmp_path / "first.png"), trimap_of(drawn(1)[1][0]))
    asked = (clip, "--trimap", tmp_path / "first.png", "--segment-frames", 5)
    code, said = run(*asked, "--alpha", tmp_path / "whole.mkv", "--report", tmp_path / "whole.csv")
    assert code == 0, said
    add = Results.add

    def fail_late(self: Results, picture: object, *rest: object) -> None:
        if picture.frame.index == 13:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        add(self, picture, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Results, "add", fail_late)
    stopped = (*asked, "--alpha", tmp_path / "stopped.mkv", "--report", tmp_path / "stopped.csv")
    assert run(*stopped)[0] == 130
    monkeypatch.undo()
    code, said = run(*stopped)
    assert code == 0, said
    assert "10 of them from before" in said
    assert (tmp_path / "stopped.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert (tmp_path / "stopped.mkv").read_bytes() == (tmp_path / "whole.mkv").read_bytes()


def test_a_clip_that_is_lost_stops_and_goes_on_with_a_key_frame(run: Run, tmp_path: Path) -> None:
    """From frame 12 on everything is noise that no key frame showed."""
    pictures, alphas = drawn(16)
    noise = np.random.default_rng(1).integers(0, 256, (6, *pictures[0].shape), np.uint8)
    clip = write_clip(tmp_path / "clip.mkv", [*pictures[:12], *noise])
    keys = tmp_path / "keys"
    keys.mkdir()
    cv2.imwrite(str(keys / "0.png"), trimap_of(alphas[0]))
    asked = (
        clip, "--trimap", keys, "--key-frames", "--at-cut", "carry", "--segment-frames", 4, "--alpha",
        tmp_path / "a.mkv",
    )  # fmt: skip
    code, said = run(*asked, "--stop-when-lost")
    assert code == 1
    assert "frame 12: from here on part of the matte is a guess" in said
    cv2.imwrite(str(keys / "12.png"), trimap_of(alphas[0]))
    code, said = run(*asked)
    assert code == 0, said
    assert "18 frames, 12 of them from before" in said


@pytest.mark.parametrize(("name", "seed", "begins"), [("entering", 2, 8), ("entering", 3, 8), ("gone", 1, 0)])
def test_a_matte_that_fails_is_told_in_time(name: str, seed: int, begins: int, run: Run, tmp_path: Path) -> None:
    """Somebody enters whom the first mask does not know (in frame 8), or the object leaves and comes back."""
    errors, said = errors_and_words(name, seed, run, tmp_path)
    failed = next(index for index, error in enumerate(errors) if error > FAILED)
    warned = re.search(r"frame (\d+): from here on part of the matte is a guess", said)
    assert warned
    assert begins <= int(warned[1])
    assert int(warned[1]) + LOST_FRAMES - 1 <= failed + 10


def test_a_matte_that_holds_is_not_doubted(run: Run, tmp_path: Path) -> None:
    errors, said = errors_and_words("bending", 2, run, tmp_path)
    assert max(errors) < FAILED
    assert "a guess" not in said


def errors_and_words(name: str, seed: int, run: Run, folder: Path) -> tuple[list[float], str]:
    """The mean error of alpha in each frame of a drawn clip with one mask, and what the command said."""
    count = 32
    drawing = clips(seed, Size(108, 192), count)[name]()
    frames = [drawing.frame(index) for index in range(count)]
    clip = write_clip(folder / "clip.mkv", [picture for picture, _ in frames])
    cv2.imwrite(str(folder / "first.png"), np.where(frames[0][1] >= 0.5, 255, 0).astype(np.uint8))
    code, said = run(clip, "--mask", folder / "first.png", "--alpha", folder / "alpha.mkv")
    assert code == 0, said
    alphas = [frame.bgra[..., 0] / np.float32(255) for frame in shown(folder / "alpha.mkv")]
    return [float(np.abs(a - truth).mean()) for a, (_, truth) in zip(alphas, frames, strict=True)], said


def test_names_that_would_be_lost(run: Run, clip: Path, trimaps: Callable[..., Path], tmp_path: Path) -> None:
    folder, before = trimaps(23), clip.read_bytes()
    for report, words in ((clip, "got that of video"), (tmp_path / "a.mkv", "got that of alpha"),
                          (tmp_path / "none" / "r.csv", "the folder does not exist")):  # fmt: skip
        code, said = run(clip, "--trimap", folder, "--alpha", tmp_path / "a.mkv", "--report", report)
        assert code == 1
        assert words in said
    assert clip.read_bytes() == before
