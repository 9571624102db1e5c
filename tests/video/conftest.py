"""Clips and commands that the tests of video share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from dim_trt.video.__main__ import main
from tests.support.clips import drawn, trimap_of, write_clip


@pytest.fixture(scope="session")
def plan(lite: Path) -> Path:
    """The shipped model: carried trimaps need an alpha that means something."""
    return lite


@pytest.fixture
def run(
    plan: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[..., tuple[int, str]]:
    """The command on one thread; gives the exit code and all that is said."""

    def command(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        caplog.clear()
        code = main([*map(str, arguments), "--plan", str(plan), "--threads", "1"])
        said = capsys.readouterr()
        return code, said.out + said.err + caplog.text

    return command


@pytest.fixture
def trimaps(tmp_path: Path) -> Callable[[int], Path]:
    """A folder of trimaps for the first frames of `drawn`."""

    def write(count: int, height: int = 45, width: int = 61) -> Path:
        folder = tmp_path / "trimaps"
        folder.mkdir(exist_ok=True)
        for index, alpha in enumerate(drawn(count, height, width)[1]):
            cv2.imwrite(str(folder / f"{index:04}.png"), trimap_of(alpha))
        return folder

    return write


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """23 lossless frames with sound."""
    return write_clip(tmp_path / "clip.mkv", drawn(23)[0], sound="flac")
