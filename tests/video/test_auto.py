"""`video --auto`: a clip alone, by a network that finds what is red."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.clips import drawn, shown
from tests.support.mask_graphs import write_mask_network

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
Run = Callable[..., tuple[int, str]]


@pytest.fixture(name="network")
def fixture_network(tmp_path: Path) -> tuple[object, ...]:
    return "--auto", write_mask_network(tmp_path / "net.onnx"), "--auto-norm", "0.7,0,0/0.1,100,100"


def test_alpha_of_a_clip_alone(run: Run, clip: Path, network: tuple[object, ...], tmp_path: Path) -> None:
    code, said = run(clip, *network, "--alpha", tmp_path / "a.mkv", "--report", tmp_path / "r.csv")
    assert code == 0, said
    truths = drawn(23)[1]
    alphas = [frame.bgra[..., 0] for frame in shown(tmp_path / "a.mkv")]
    assert len(alphas) == 23
    for alpha, truth in zip(alphas, truths, strict=True):
        assert np.abs(alpha / 255 - truth / 255).mean() < 0.04
    lines = [line.split(",") for line in (tmp_path / "r.csv").read_text().splitlines()[1:]]
    assert [int(line[0]) for line in lines] == list(range(23))
    assert all(0 <= float(line[1]) < 0.25 for line in lines)


def test_another_network_does_not_go_on_with_a_run(
    run: Run, clip: Path, network: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("dim_trt.video.job.Results.join", stop)
        assert run(clip, *network, "--alpha", tmp_path / "a.mkv", "--segment-frames", "8")[0] == 130
    write_mask_network(tmp_path / "net.onnx", last=None)
    code, said = run(clip, *network, "--alpha", tmp_path / "a.mkv", "--segment-frames", "8")
    assert code == 1
    assert "network" in said


def stop(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fixed",), "--fixed, --key-frames, --at-cut and --stop-when-lost go with --trimap and --mask"),
        (("--at-cut", "carry"), "--fixed, --key-frames, --at-cut and --stop-when-lost go with --trimap and --mask"),
        (("--erode", "3"), "--erode, --dilate, --low and --high go with --mask"),
    ],
)
def test_options_of_carried_trimaps_do_not_go_with_it(
    run: Run, clip: Path, network: tuple[object, ...], tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, said = run(clip, *network, *arguments, "--alpha", tmp_path / "a.mkv")
    assert code == 2
    assert message in said
    assert not (tmp_path / "a.mkv").exists()
