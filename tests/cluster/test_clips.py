"""`python -m dim_trt.video --ray`: a folder of clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.support.clips import drawn, write_clip

pytest.importorskip("ray", reason="ray is not installed: pip install 'dim_trt[cluster]'")
pytest.importorskip("av", reason="PyAV is not installed: pip install 'dim_trt[video]'")
from dim_trt.video import __main__ as video

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.cluster]


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("in", "masks", "out", "one"):
        Path(name).mkdir()
    pictures, alphas = drawn(4, 46, 62)
    for name in ("a", "b", "c"):
        write_clip(tmp_path / f"in/{name}.mkv", pictures)
        cv2.imwrite(f"masks/{name}.png", alphas[0])
    return tmp_path


def run(plan: Path, *arguments: str, code: int = 0) -> None:
    assert video.main([*arguments, "--plan", str(plan)]) == code


def test_clips_are_those_of_one_process(
    plan: Path, folder: Path, ray_cluster: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in/c.mkv").write_bytes(b"nonsense")
    arguments = ("in", "--mask", "masks/*.png", "--cutout", "out/*.mkv", "--ray")
    run(plan, *arguments, code=1)
    out, err = capsys.readouterr()
    assert "out/*.mkv  2 done, 0 skipped, 1 failed" in out
    assert "1 of 3 clips failed:\n  c.mkv: " in err
    assert sorted(path.name for path in Path("out").iterdir() if path.is_file()) == ["a.mkv", "b.mkv"]
    run(plan, "in/a.mkv", "--mask", "masks/a.png", "--cutout", "one/a.mkv", "--threads", "1", "--device", "cpu")
    frames = [frames_of(Path(name)) for name in ("one/a.mkv", "out/a.mkv")]
    assert frames[0] == frames[1]
    assert len(frames[0]) == 4
    Path("in/c.mkv").write_bytes(Path("in/a.mkv").read_bytes())
    capsys.readouterr()
    run(plan, *arguments)
    assert "1 done, 2 skipped, 0 failed" in capsys.readouterr().out


def frames_of(path: Path) -> list[bytes]:
    import av

    with av.open(path) as clip:
        return [frame.to_ndarray().tobytes() for frame in clip.decode(video=0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("in", "--mask", "masks/*.png", "--cutout", "out/x.mkv"), "--cutout: with --ray expected one * in the name"),
        (("in", "--mask", "masks/a.png", "--cutout", "out/*.mkv"), "--mask: with --ray expected one * in the name"),
        (("in", "--mask", "masks/*.png", "--cutout", "out/*.mkv", "--report", "r.csv"), "--report is of one clip"),
        (("masks", "--mask", "masks/*.png", "--cutout", "out/*.mkv"), "expected clips (.mp4"),
        (("none", "--mask", "masks/*.png", "--cutout", "out/*.mkv"), "expected a folder of clips: No such file"),
    ],
)
def test_refusals(
    arguments: tuple[str, ...], message: str, plan: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert video.main([*arguments, "--ray", "--plan", str(plan)]) in (1, 2)
    assert message in capsys.readouterr().err.splitlines()[-1]
