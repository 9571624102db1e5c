"""The programs in examples/ and the commands of the README and of docs/video.md."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

import dim_trt
from dim_trt import trimaps
from dim_trt.pictures.composite import composite
from tests.support import ROOT
from tests.support.clips import drawn, samples, shown, write_clip
from tests.support.mask_graphs import write_mask_network

EXAMPLES = ROOT / "examples"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with clip.mp4, first.png and the samples, and `python` in bin."""
    pictures, alphas = drawn(12, 46, 62)
    write_clip(tmp_path / "clip.mp4", pictures, codec="libx264", pixel_format="yuv444p", sound="aac")
    cv2.imwrite(str(tmp_path / "first.png"), alphas[0])
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error "$@"\n')
    (tmp_path / "bin" / "python").chmod(0o755)
    return tmp_path


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_readme_run(work: Path) -> None:
    (block,) = [block for block in blocks(ROOT / "README.md") if "dim_trt.video" in block]
    path = f"{work / 'bin'}:{os.environ['PATH']}"
    subprocess.run(["sh", "-euxc", block], cwd=work, env=os.environ | {"PATH": path}, check=True)
    assert len(shown(work / "cutout.mov")) == len(shown(work / "cutout.webm")) == len(shown(work / "over.mp4")) == 12
    assert samples(work / "over.mp4") is not None


def test_the_pipe_of_the_page_runs(work: Path) -> None:
    """Without ffmpeg its part is done here: what it writes to the pipe, and what it reads."""
    (block,) = blocks(ROOT / "docs" / "video.md")
    command = re.search(r"\| (python -m dim_trt\.video .*?) \\\n", block)
    assert command
    own = command[1].replace("640x360", "62x46")
    frames = b"".join(picture.tobytes() for picture in drawn(12, 46, 62)[0])
    path = f"{work / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-euc", own], cwd=work, env=os.environ | {"PATH": path}, input=frames, capture_output=True, check=True
    )
    assert len(done.stdout) == 12 * 46 * 62 * 4
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed: the pipe was fed from here")
    write_clip(work / "clip.mp4", drawn(5, 360, 640)[0], codec="libx264", pixel_format="yuv420p")
    cv2.imwrite(str(work / "first.png"), drawn(1, 360, 640)[1][0])
    subprocess.run(["sh", "-euxc", block], cwd=work, env=os.environ | {"PATH": path}, check=True)
    assert len(shown(work / "cutout.mov")) == 5


@pytest.mark.parametrize("known", [("--mask", "first.png"), ("--auto", "u2net_tiny.onnx")], ids=lambda known: known[0])
def test_the_webcam_example_takes_a_file(work: Path, known: tuple[str, str]) -> None:
    if known[0] == "--auto":
        pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
        write_mask_network(work / known[1])
    command = [sys.executable, "-W", "error", EXAMPLES / "webcam.py", "--source", "clip.mp4", *known]
    done = subprocess.run([*command, "--output", "over.avi"], cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.match(r"12 frames, [\d.]+ frames/s", done.stdout)
    frames = shown(work / "over.avi")
    assert len(frames) == 12
    assert np.abs(frames[6].bgra[:4, :4, :3].astype(int) - (64, 177, 0)).max() < 12
    height, width = frames[6].bgra.shape[:2]
    middle = frames[0].bgra[height // 2, width // 2, :3].astype(int)
    assert np.abs(middle - (40, 160, 220)).max() < 25


def example(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class FakeGst:
    """As much of GStreamer as the example calls: pictures come out of the sink, and bytes go into the source."""

    State, MapFlags = SimpleNamespace(PLAYING=4, NULL=1), SimpleNamespace(READ=1)
    MessageType, CLOCK_TIME_NONE = SimpleNamespace(EOS=1, ERROR=2), 2**64 - 1

    def __init__(self, pictures: list[bytes], width: int, height: int):
        self.pushed: list[Any] = []
        self.states: list[int] = []
        self.left = [
            SimpleNamespace(pts=40 * i, duration=40, map=lambda _, data=data: (True, SimpleNamespace(data=data)),
                            unmap=lambda _: None)
            for i, data in enumerate(pictures)
        ]  # fmt: skip
        structure = SimpleNamespace(get_value={"width": width, "height": height}.get)
        self.caps = SimpleNamespace(get_structure=lambda _: structure)
        self.Buffer = SimpleNamespace(new_wrapped=lambda data: SimpleNamespace(data=data))

    def parse_launch(self, text: str) -> Any:
        assert ("appsink name=sink" in text) != ("appsrc name=source" in text)
        bus = SimpleNamespace(timed_pop_filtered=lambda *_: SimpleNamespace(type=self.MessageType.EOS))
        return SimpleNamespace(
            get_by_name=lambda _: SimpleNamespace(emit=self.emit, set_property=self.set_property),
            set_state=self.states.append,
            get_bus=lambda: bus,
        )

    def set_property(self, name: str, value: object) -> None:
        assert (name, value) == ("caps", self.caps)

    def emit(self, signal: str, buffer: object = None) -> Any:
        if signal == "push-buffer":
            return self.pushed.append(buffer)
        if signal == "end-of-stream" or not self.left:
            return None
        buffer = self.left.pop(0)
        return SimpleNamespace(get_caps=lambda: self.caps, get_buffer=lambda: buffer)


def test_the_gstreamer_example_mattes_what_a_sink_gives(plan: Path) -> None:
    """Rows of 61 pixels are padded to 184 bytes."""
    module = example("gstreamer")
    pictures, alphas = drawn(5)
    padded = [np.pad(picture.reshape(45, 183), ((0, 0), (0, 1))).tobytes() for picture in pictures]
    gst = FakeGst(padded, 61, 45)
    args = Namespace(input_pipeline=None, video="a clip.mp4", output="over.mkv")
    assert "location='a clip.mp4'" in module.pipelines(args)[0]
    with dim_trt.Engine(plan, threads=1) as engine:
        assert module.run(gst, args, module.Matter(engine, alphas[0], "#0000ff")) == 5
        first = composite(pictures[0], engine.run(pictures[0], trimaps.from_mask(alphas[0])), (255, 0, 0))
    assert [buffer.pts for buffer in gst.pushed] == [0, 40, 80, 120, 160]
    written = np.frombuffer(gst.pushed[0].data, np.uint8).reshape(45, 184)[:, :183].reshape(45, 61, 3)
    np.testing.assert_array_equal(written, first)
    assert gst.states == [4, 4, 1, 1]


def test_the_gstreamer_example_says_what_is_missing(work: Path) -> None:
    if importlib.util.find_spec("gi"):
        pytest.skip("GStreamer's bindings are installed")
    command = [sys.executable, EXAMPLES / "gstreamer.py", "clip.mp4", "--mask", "first.png"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "GStreamer's Python bindings are missing" in done.stderr
